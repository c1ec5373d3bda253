"""`journeys erase`: have the worker forget users."""

import click
import msgspec

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys erase u1", "journeys erase u1 u2 --reason 'request 4711' --broker kafka:9092"
    )
)
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@click.option("--reason", metavar="TEXT", help="kept beside it on user-erasures")
@with_settings(*BROKER)
def command(settings: Settings, users: tuple[str, ...], reason: str | None) -> None:
    """Have all forgotten that is known of users: state, journeys, names that are under way.

    Workers do it when they come to it. Who is active afterwards begins as a stranger. What lies on
    topics that are no table (activity-events, journey-changes) goes by their retention.
    """
    from streams.kafka.erasures import erase  # the client takes time to import: not for --help

    value = None if reason is None else msgspec.json.encode({"reason": reason})
    topic = erase(settings, users, value)
    said = f"{len(users):,} users" if len(users) > 1 else "1 user"
    click.echo(f"asked on {topic} to erase {said}; the workers do it")
