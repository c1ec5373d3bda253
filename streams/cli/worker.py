"""`journeys worker`: the service that owns user state."""

import click

from streams.cli.commands import examples
from streams.cli.options import with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys worker --broker kafka:9092",
        "JOURNEYS_BROKER=kafka:9092 JOURNEYS_DATA_DIR=/var/lib/journeys journeys worker",
    )
)
@with_settings()
def command(settings: Settings) -> None:
    """Run the worker: activity-events in, journey-changes out.

    Start as many as there are partitions; they share the users between them.
    """
    from streams.worker.app import run  # Faust takes a second to import: not for --help

    run(settings)
