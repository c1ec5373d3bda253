"""The demo's last words: each user's journeys, and what they say of the sample."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from models.records import JourneyView
from streams.demo.sample.generator import Sample
from streams.demo.sample.score import score
from streams.ledger.arrived import Arrived
from streams.settings import Settings

SHOWN_ITEMS: Final = 2
STAGE_STYLES: Final = {"active": "green", "dormant": "yellow", "ended": "dim", "merged": "dim"}
WIDEST: Final = 36  # characters of a name in the table: the items need the rest

Row: TypeAlias = tuple[str, str, str, str, str, str]


def report(settings: Settings, arrived: Arrived, sample: Sample) -> None:
    """Print each user's journeys, and how they compare with what is known of the sample."""
    journeys = sorted(
        arrived.current.values(), key=lambda current: (current.user_id, current.journey.started_at)
    )
    rows = [
        (
            current.user_id,
            current.name,
            current.journey.stage,
            _day(current.journey.started_at),
            _items(current.journey),
            _why(current.journey, settings),
        )
        for current in journeys
    ]
    console = Console()
    if console.is_terminal:
        console.print(_table(rows))
    else:
        _print_plain([("user", "journey", "stage", "since", "items", "why"), *rows])
    people = len({current.user_id for current in journeys})
    click.echo(
        f"{len(journeys)} journeys of {people} people from {len(sample.activities):,} activities"
    )
    result = score(journeys, sample.truth)
    click.echo(
        f"{result.found} of {result.lasting} lasting interests found; "
        f"{result.mistaken} of {result.short} binges and one-offs mistaken"
    )
    wrong = arrived.foreign or arrived.altered
    same = "" if wrong else ", the same as `journeys replay` gives with no broker"
    click.echo(f"{arrived.came} changes{same}")
    if by_model := sum(current.name_source == "llm" for current in journeys):
        click.echo(f"{by_model} journeys named by the language model, the others by keywords")


def _table(rows: Sequence[Row]) -> Table:
    """Two lines per journey, so that it fits a narrow terminal."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, expand=True)
    table.add_column("user", no_wrap=True)
    table.add_column("journey, since, stage", no_wrap=True, max_width=WIDEST, overflow="ellipsis")
    table.add_column("items, why", no_wrap=True, ratio=1, overflow="ellipsis")
    last = ""
    for user, name, stage, since, items, why in rows:
        if user != last:
            table.add_section()
        table.add_row(
            Text("" if user == last else user, "bold"),
            Text.assemble(
                (name, "bold"),
                "\n",
                (f"since {since}, ", "dim"),
                (stage, STAGE_STYLES.get(stage, "")),
            ),
            Text.assemble(items, "\n", (why, "dim")),
        )
        last = user
    return table


def _print_plain(rows: Sequence[Row]) -> None:
    """One line per journey, in columns; items come last, as they are of any length."""
    columns = [
        (user, name, stage, since, why, items) for user, name, stage, since, items, why in rows
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    click.echo()
    for row in columns:
        click.echo(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    click.echo()


def _items(journey: JourneyView) -> str:
    return "; ".join(item.title for item in journey.items[:SHOWN_ITEMS])


def _why(journey: JourneyView, settings: Settings) -> str:
    return (
        f"{len(journey.windows)} of {settings.history_windows} windows, "
        f"{journey.activities} activities, {journey.confidence:.0%} sure"
    )


def _day(millis: int) -> str:
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%d}"
