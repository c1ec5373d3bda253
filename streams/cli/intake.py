"""`journeys intake`: the service that turns events of any form and key into activities."""

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys intake --broker kafka:9092 --input segment --input-topics web.events",
        "JOURNEYS_INPUT=mapping.toml journeys intake",
        "journeys intake --input mapping.toml --catalogue true --item-wait-seconds 300",
    )
)
@with_settings(
    *BROKER,
    "group",
    "activities_topic",
    "input",
    "input_topics",
    "earliest",
    "catalogue",
    "item_wait_seconds",
    "item_wait_limit",
    "registry_url",
    "batch_records",
    "session_timeout",
    "rebalance_timeout",
    "store",
    "data_dir",
    "web_host",
    "web_port",
)
def command(settings: Settings) -> None:
    """Run the intake: events of any form and key in, activities by user out.

    Each event comes to activity-events once, on the partition of its user, whatever its own key.
    Start as many as the input has partitions; they share them.
    """
    from streams.intake.app import run  # Faust takes a second to import: not for --help

    run(settings)
