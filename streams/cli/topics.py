"""`journeys topics`: make the topics, see what is in them."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.kafka import admin
from streams.settings import Settings

_json_flag = click.option("--json", "as_json", is_flag=True, help="print JSON")


@click.group(
    epilog=examples(
        "journeys topics create --partitions 12 --replication 3", "journeys topics describe"
    )
)
def command() -> None:
    """Make the Kafka topics, or see what is in them."""


@command.command(
    epilog=examples(
        "journeys topics create",
        "journeys topics create --broker kafka:9092 --partitions 12 --replication 3",
    )
)
@with_settings(*BROKER, "partitions", "replication")
@_json_flag
def create(settings: Settings, as_json: bool) -> None:
    """Make the topics that are missing; leave the others as they are."""
    made = admin.create(settings)
    if as_json:
        _print_json(
            [
                {
                    "name": one.spec.name,
                    "created": not one.existing,
                    "partitions": one.existing or one.spec.partitions,
                }
                for one in made
            ]
        )
        return
    for one in made:
        click.echo(f"{one.spec.name}: {_what_happened(one)}")


@command.command(
    epilog=examples(
        "journeys topics describe", "journeys topics describe --broker kafka:9092 --json"
    )
)
@with_settings(*BROKER)
@_json_flag
def describe(settings: Settings, as_json: bool) -> None:
    """Show each topic's partitions, cleanup and end offsets."""
    states = admin.describe(settings)
    if as_json:
        _print_json(states)
        return
    table = Table("topic", "partitions", "replicas", "cleanup", "end offsets")
    for state in states:
        if state.partitions:
            table.add_row(
                state.name,
                str(state.partitions),
                str(state.replication),
                state.cleanup,
                " ".join(map(str, state.end_offsets)),
            )
        else:
            table.add_row(state.name, "missing")
    Console().print(table)


def _what_happened(one: admin.Creation) -> str:
    if not one.existing:
        return f"created with {one.spec.partitions} partitions"
    if one.differs:
        return f"exists with {one.existing} partitions, not {one.spec.partitions}"
    return f"exists with {one.existing} partitions"


def _print_json(value: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
