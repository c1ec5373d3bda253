"""Answers of the store as lines for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.printable import printable
from streams.cli.render import STYLES
from streams.query.answers import ShownChange, ShownJourney

_ITEMS: Final = 2  # titles: enough to see what it is about, few enough for a line
_PIPED: Final = 10_000  # columns of what is not a terminal: nothing is cut


def print_journeys(journeys: Sequence[ShownJourney]) -> None:
    """A user's journeys, one a row."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("journey", "theme", "stage", "kind", "since", "last", "why", "items", "id"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for one in journeys:
        table.add_row(
            Text(printable(one.name), "bold"),
            printable((one.theme and one.theme.name) or ""),
            one.stage,
            one.kind or "",
            _day(one.started_at),
            _day(one.last_active_at),
            f"{one.activities} activities in {len(one.windows)} windows, {one.confidence:.0%} sure",
            printable("; ".join(item.title for item in one.items[:_ITEMS])),
            one.journey_id,
        )
    _console().print(table)


def print_changes(changes: Sequence[ShownChange]) -> None:
    """What happened, one a line."""
    console = _console()
    for one in changes:
        line = Text.assemble(
            (_day(one.occurred_at), "dim"),
            "  ",
            (f"{one.kind:<8}", STYLES.get(one.kind, "")),
            " ",
            (printable(one.name), "bold"),
        )
        if one.merged_into:
            line.append(f"  into {one.merged_into}", "dim")
        elif one.journey is not None:
            titles = "; ".join(item.title for item in one.journey.items[:_ITEMS])
            line.append(printable(f"  {one.journey.activities} activities: {titles}"), "dim")
        console.print(line, no_wrap=True, overflow="ellipsis")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
