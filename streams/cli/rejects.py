"""`journeys rejects`: see what was rejected, send it again once the reason is mended."""

import re
import time
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.errors import Reason
from streams.cli.commands import examples
from streams.cli.options import BROKER, with_settings
from streams.rejects.overview import Kind, overview
from streams.rejects.records import Rejects
from streams.rejects.resend import HOPELESS, Resent, resend
from streams.settings import Settings

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGO: Final = re.compile(r"(\d+)([smhdw])")


class Since(click.ParamType):
    """A time, as RFC 3339 or a date or so long ago (`2h`); becomes epoch ms."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The time."""
        if isinstance(value, int):
            return value
        if ago := _AGO.fullmatch(value):
            return int((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1000)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is neither a time nor so long ago (30m, 2h, 7d)", param, ctx)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


_reason = click.option(
    "--reason",
    "reasons",
    type=click.Choice([reason.value for reason in Reason]),
    multiple=True,
    help="only what was rejected for this; may be given several times",
)


@click.group(
    epilog=examples(
        "journeys rejects list --since 7d", "journeys rejects replay --reason invalid --dry-run"
    )
)
def command() -> None:
    """See what was rejected, or send it again once the reason is mended."""


@command.command(
    "list", epilog=examples("journeys rejects list", "journeys rejects list --since 2h --json")
)
@with_settings(*BROKER)
@_reason
@click.option(
    "--since",
    type=Since(),
    default=0,
    metavar="TIME",
    help="only what the broker got since: RFC 3339, a date (UTC), or so long ago: 30m, 2h, 7d",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="samples of each reason and topic, the latest",
)
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_(
    settings: Settings, reasons: tuple[str, ...], since: int, limit: int, as_json: bool
) -> None:
    """Count rejects by reason and by the topic that they came from, and show some.

    `waiting` are those that `rejects replay` has not sent yet.
    """
    rejects = Rejects(settings)
    found = overview(
        rejects.records(), rejects.replayed(), reasons=reasons, since=since, samples=limit
    )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)))
    else:
        _show(found)


@command.command(
    epilog=examples(
        "journeys rejects replay --dry-run", "journeys rejects replay --reason bad_time"
    )
)
@with_settings(*BROKER, "group")
@_reason
@click.option("--dry-run", is_flag=True, help="send nothing, say what would be sent")
def replay(settings: Settings, reasons: tuple[str, ...], dry_run: bool) -> None:
    """Send rejects back to the topic and partition they came from: once each, in their order.

    As they came: key, value, headers. What is rejected again is a new reject. Run again, it sends
    what was rejected since; run after it was killed, it goes on. Left out are records of which only
    the beginning was kept, and, unless asked for by --reason, those that were too late: they stay
    too late.
    """
    _tell(resend(settings, reasons, dry_run=dry_run), set(reasons), dry_run=dry_run)


def _show(kinds: list[Kind]) -> None:
    if not kinds:
        click.echo("no rejects")
        return
    console = Console()
    table = Table("reason", "topic", "count", "waiting", "first", "last")
    for kind in kinds:
        table.add_row(
            Text(kind.reason),
            Text(kind.topic),
            f"{kind.count:,}",
            f"{kind.waiting:,}",
            kind.first,
            kind.last,
        )
    console.print(table)
    for kind in kinds:
        for one in kind.samples:
            where = f"{kind.topic} {one.partition}/{one.offset}"
            click.echo(f"{kind.reason}, {where}, key {one.key}: {one.detail}: {one.value}")


def _tell(result: Resent, reasons: set[str], *, dry_run: bool) -> None:
    verb = "would send" if dry_run else "sent"
    kinds = ", ".join(f"{count:,} {reason}" for reason, count in result.sent.most_common())
    topics = ", ".join(sorted(result.topics))
    click.echo(
        f"{verb} {result.sent.total():,} records"
        + (f" to {topics} ({kinds})" if result.sent else ": there is nothing to replay")
    )
    if result.cut:
        click.echo(f"skipped {result.cut:,} of which only the beginning was kept")
    if result.homeless:
        click.echo(f"skipped {result.homeless:,} that do not say where they came from")
    if result.hopeless:
        click.echo(f"left {result.hopeless:,} that were too late: they stay too late")
    if not dry_run and any(result.sent[reason] for reason in reasons & set(HOPELESS)):
        click.echo("those that were too late are rejected again, unless lateness_days was raised")
