"""`journeys backfill`: a history first, then what the live topic holds, without a seam."""

import click

from models.records import rfc3339
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.cli.paths import INPUT_FILE
from streams.cli.progress import reading
from streams.settings import Settings
from streams.topics import Topics


@click.command(
    epilog=examples(
        "journeys backfill 2023.csv.gz 2024.parquet",
        "journeys backfill history.jsonl --live web-events --strict && journeys intake",
        "journeys backfill --topic web-events-old --live web-events",
    )
)
@click.argument("files", metavar="[FILE...]", nargs=-1, type=INPUT_FILE)
@with_settings(
    *BROKER, "group", "activities_topic", "input", "input_topics", "earliest", "lateness_days"
)
@click.option("--topic", default="", help="an old topic with history, read from its beginning")
@click.option(
    "--live",
    default="",
    metavar="TOPIC",
    help="the topic that `journeys intake` is going to read: what it holds now is sent, too, and "
    "intake goes on behind that",
)
@click.option(
    "--strict", is_flag=True, help="a possible gap between history and live topic is an error"
)
def command(
    settings: Settings, files: tuple[str, ...], topic: str, live: str, strict: bool
) -> None:
    """Send a history from FILEs or an old topic to activity-events, and join the live topic to it.

    All is read first, sorted by event time, and sent once, whatever both hold and however often it
    is there: activities are known by user and event id. So a run that was interrupted is run again
    and sends what is missing. With --live, stop or do not yet start `journeys intake`; its group is
    left where it has to go on. With --input all of them hold events of yours. Ids take some 100
    bytes of memory each.
    """
    from streams.backfill.run import Backfill, Plan  # the stages' compiler takes a second to import

    plan = Plan(files, topic, live, strict)
    with reading(files, "reading") as advance:
        summary = Backfill(settings, plan).run(
            advance, lambda text: click.echo(f"journeys: {text}", err=True)
        )
    click.echo(
        f"sent {summary.sent:,} activities to {Topics.of(settings).activities}; "
        f"{summary.stored:,} were there, {summary.repeats:,} were repeats"
        + (f", {summary.skipped:,} events do not count" if summary.skipped else "")
    )
    if summary.rejected:
        reasons = ", ".join(f"{count:,} {why}" for why, count in summary.rejected.most_common())
        click.echo(f"rejected {summary.rejected.total():,} ({reasons})")
    if summary.history_last >= 0:
        click.echo(f"the history ends at {rfc3339(summary.history_last)}")
    if live:
        begins = rfc3339(summary.live_first) if summary.live_first >= 0 else "nowhere: it is empty"
        offsets = ", ".join(f"{number}: {end}" for number, end in summary.handed_over.items())
        click.echo(f"{live} begins at {begins}; intake goes on at its offsets {offsets}")
