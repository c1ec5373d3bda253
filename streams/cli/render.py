"""Journey changes as lines for people."""

from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from models.decoding import ChangeEvent
from models.known import KnownJourneys
from models.printable import printable

STYLES: Final = {
    "started": "bold green",
    "named": "cyan",
    "shifted": "yellow",
    "merged": "magenta",
    "dormant": "dim",
    "resumed": "green",
    "ended": "red",
}
_SHOWN_ITEMS: Final = 2  # titles: enough to see what it is about, few enough for a line


class ChangeLines:
    """Makes one line of each change.

    Args:
        journeys: What they go by; what the changes say is taken over.
    """

    def __init__(self, journeys: KnownJourneys | None = None) -> None:
        self._journeys = journeys or KnownJourneys()

    def line(self, change: ChangeEvent) -> Text:
        """When, who, what, which journey, and why."""
        data, name = change.data, self._journeys.told(change).name
        return Text.assemble(
            (f"{change.time:%Y-%m-%d}", "dim"),
            "  ",
            f"{printable(data.user_id):<8}",
            " ",
            (f"{printable(change.kind):<8}", STYLES.get(change.kind, "")),
            " ",
            (printable(name), "bold"),
            "  ",
            (printable(self._why(change)), "dim"),
        )

    def _why(self, change: ChangeEvent) -> str:
        data, journey = change.data, change.data.journey
        if change.kind == "named":
            return f"by {data.name_source}"
        if change.kind == "merged" and data.merged_into:
            return f"into {self._journeys.name(data.merged_into)}"
        if journey is None:
            return ""
        if change.kind in ("dormant", "ended"):
            last = datetime.fromtimestamp(journey.last_active_at / 1000, UTC)
            return f"silent since {last:%Y-%m-%d}"
        titles = "; ".join(item.title for item in journey.items[:_SHOWN_ITEMS])
        return (
            f"{journey.activities} activities in {len(journey.windows)} windows, "
            f"confidence {journey.confidence:.2f}: {titles}"
        )


class ChangePrinter:
    """Prints a line of each change, cut to the width of a terminal.

    Args:
        console: Where to.
        journeys: As for `ChangeLines`.
    """

    def __init__(self, console: Console, journeys: KnownJourneys | None = None) -> None:
        self._console = console
        self._lines = ChangeLines(journeys)

    def print(self, change: ChangeEvent) -> None:
        """Print one."""
        line = self._lines.line(change)
        if self._console.is_terminal:
            self._console.print(line, no_wrap=True, overflow="ellipsis")
        else:
            click.echo(line.plain)
