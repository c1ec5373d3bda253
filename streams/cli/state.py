"""`journeys state`: users' state out of one group, into another."""

from pathlib import Path

import click

from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.settings import Settings


@click.group(
    epilog=examples(
        "journeys state export users.state", "journeys state import users.state --group journeys2"
    )
)
def command() -> None:
    """Move users' state: to other partitions, another cluster, another encoder."""


@command.command(epilog=examples("journeys state export users.state --group journeys"))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_settings(*BROKER, "group", "activities_topic")
@click.option("--running", is_flag=True, help="though the group is at work")
def export(settings: Settings, file: Path, *, running: bool) -> None:
    """Write all state of a group to FILE, a line a user. It holds all that is known of people."""
    from streams.move.exporting import export as do  # what it needs takes time: not for --help

    users, left = do(settings, file, running=running)
    click.echo(f"{users:,} users of group {settings.group} are in {file}")
    if left:
        click.echo(
            f"{left:,} records were not applied yet: it can be imported on the same topic with as "
            "many partitions only"
        )


@command.command(
    "import",
    epilog=examples(
        "journeys state import users.state --group journeys2 --encoder fast",
        "journeys state import users.state --broker other:9092 --begin end",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@with_settings(*BROKER, "group", "activities_topic", "replication", "encoder", "window_days")
@click.option(
    "--begin",
    type=click.Choice(["beginning", "end"]),
    help="on another topic that is not empty: all there came after the export, or before it",
)
@click.option(
    "--partitioner",
    type=click.Choice(["murmur2", "crc32", "fnv1a"]),
    help="rule of your producers: Java's, librdkafka's, sarama's; default: told from the state",
)
def import_(settings: Settings, file: Path, begin: str | None, partitioner: str | None) -> None:
    """Put the state in FILE into a fresh group, whose topics are there; then start its workers."""
    from streams.move.importing import import_ as do

    done = do(settings, file, begin=begin, partitioner=partitioner)  # type: ignore[arg-type]
    click.echo(f"{done.users:,} users are in group {settings.group}")
    if done.journeys:
        click.echo(f"{done.journeys:,} journeys were written to the topic of journeys")
    if done.remade:
        click.echo(
            f"their clusters are in the space of encoder {settings.encoder}; {done.empty:,} have "
            "no title that it can read: nothing joins those any more"
        )
