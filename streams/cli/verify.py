"""`journeys verify`: the proof that nothing was lost, doubled or invented."""

import sys
from contextlib import closing

import click
import msgspec

from streams.cli.commands import examples
from streams.cli.options import BROKER, ENGINE, with_settings
from streams.settings import Settings


@click.command(
    epilog=examples(
        "journeys verify",
        "journeys verify --wait 60 --json",
        "journeys verify --group journeys-2 --topic-prefix staging-",
    )
)
@with_settings(
    *BROKER,
    "group",
    "activities_topic",
    "input",
    "earliest",
    "encoder",
    "encoder_threads",
    "cached_vectors",
    *ENGINE,
    "backlog_seconds",
    "future_skew_seconds",
    "idle_seconds",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="seconds without anything new for which what is missing is waited for",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def command(settings: Settings, wait: float, as_json: bool) -> None:
    """Prove that all of `activity-events` was applied once or rejected once, and nothing else came.

    Replays the log as it lies on the broker, with the settings of the worker, and holds against it
    every change, byte for byte, every journey, every reject and the state on the changelog. Send
    nothing meanwhile. It joins no group and writes nothing. Exit code 1: something is wrong.
    """
    # The engine's compiler and the encoder take a second to import: not for --help.
    from models.encoders.cache import VectorCache
    from streams.encoding import encoder_of
    from streams.kafka import admin
    from streams.ledger.verify import verify
    from streams.topics import Topics

    (partitions,) = admin.partitions_of(settings, Topics.of(settings).activities)
    settings = settings.model_copy(update={"partitions": partitions})
    with closing(VectorCache(encoder_of(settings), settings.cached_vectors)) as cache:
        verdict = verify(settings, cache, wait)
    if as_json:
        verdict.ids = []
        click.echo(msgspec.json.format(msgspec.json.encode(verdict)))
    else:
        for line in verdict.lines():
            click.echo(line)
    sys.exit(not verdict.holds)
