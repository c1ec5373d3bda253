"""`journeys history`: all that happened to one journey."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(epilog=examples("journeys history JOURNEY_ID", "journeys history JOURNEY_ID --json"))
@with_settings(*BROKER, "store", "data_dir")
@click.argument("journey")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def command(settings: Settings, journey: str, as_json: bool) -> None:
    """Show all that happened to a journey, in the order of its events."""
    # Reading the topics takes a second to import: not for --help.
    from models.records import encode
    from streams.cli.asking import caught_up
    from streams.cli.lines import print_changes
    from streams.query import questions

    with caught_up(settings) as store:
        found = questions.history(store, journey)
    if as_json:
        for one in found:
            click.echo(encode(one))
    else:
        print_changes(found)
