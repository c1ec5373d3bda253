"""`journeys show`: one user's journeys, now or at a time."""

from datetime import datetime

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys show u068",
        "journeys show u068 --at 2024-03-01",
        "journeys show u068 --context    # for an assistant's prompt",
    )
)
@with_settings(*BROKER, "store", "data_dir")
@click.argument("user")
@click.option("--at", type=click.DateTime(), metavar="TIME", help="as they stood then, in UTC")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
@click.option("--context", "as_context", is_flag=True, help="as a text of at most 700 tokens")
def command(
    settings: Settings, user: str, at: datetime | None, as_json: bool, as_context: bool
) -> None:
    """Show a user's journeys, the strongest first: theme, stage, kind, since when, why."""
    # Reading the topics takes a second to import: not for --help.
    from models.records import encode
    from streams.cli.asking import caught_up
    from streams.cli.lines import print_journeys
    from streams.query import questions
    from streams.query.context import context

    with caught_up(settings) as store:
        found = questions.journeys(store, user, at=at)
    if as_context:
        click.echo(context(user, found))
    elif as_json:
        for one in found:
            click.echo(encode(one))
    elif found:
        print_journeys(found)
    else:
        click.echo(f"no journeys of {user} are known", err=True)
