"""`journeys users`: the service that writes one row a user."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys users --broker kafka:9092", "journeys users --store memory --web-port 0"
    )
)
@with_settings(
    *BROKER,
    "group",
    "registry_url",
    "session_timeout",
    "rebalance_timeout",
    "store",
    "data_dir",
    "web_host",
    "web_port",
)
def command(settings: Settings) -> None:
    """Run the service of users' rows: journeys in, user-journeys out.

    Each user's living journeys as one flat record, keyed by user id, for a CRM, a feature store or
    a cache; a record without a value once there are none. Start several: they share the users.
    """
    from streams.users.app import run  # Faust takes a second to import: not for --help

    run(settings)
