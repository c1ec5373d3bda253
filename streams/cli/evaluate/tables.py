"""The tables of `journeys evaluate extraction`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from models.evaluation.extraction.calibration import Calibration
    from models.evaluation.extraction.experiment import Result, Row
    from models.evaluation.extraction.judge import Score
    from models.evaluation.extraction.several import PairScore

WIDTH: Final = 100  # of the tables in files and pipes
PERFECT: Final = "perfect"

NOTES: Final = (
    "best at: each baseline at the threshold, radius or number of clusters that suits it best on "
    "these very people; the engine has its defaults. global: clusters of everybody's activities, "
    "not personalised. River's clusterers (DBSTREAM, DenStream, "
    "TextClust) learn the whole stream first and then say where each activity lies. "
    "delay: median windows from the true promotion to the found one."
)

_Column = tuple[str, "Callable[[Score], str]"]

FOUND: Final[Sequence[_Column]] = (
    ("P", lambda s: _share(s.precision)),
    ("R", lambda s: _share(s.recall)),
    ("F1", lambda s: _share(s.f1)),
    ("delay", lambda s: "–" if s.delay is None else f"{s.delay:g}"),
    ("V", lambda s: _share(s.v_measure)),
    ("ARI", lambda s: _share(s.ari)),
)
E1: Final[Sequence[_Column]] = (
    ("per person", lambda s: f"{s.journeys:.1f}"),
    ("with 1–3", lambda s: f"{s.few:.0%}"),
    ("activities", lambda s: f"{s.length:g}"),
    ("weeks", lambda s: f"{s.weeks:.0f}"),
    ("recall", lambda s: _share(s.recall)),
    ("of items", lambda s: _share(s.items)),
)
E2: Final[Sequence[_Column]] = (
    ("R of items", lambda s: _share(s.items)),
    ("both found", lambda s: f"{s.exact:.0%}"),
    ("F1", lambda s: _share(s.f1)),
    ("V", lambda s: _share(s.v_measure)),
    ("ARI", lambda s: _share(s.ari)),
)
TEXTS: Final[Sequence[_Column]] = (
    ("NMI", lambda s: _share(s.v_measure)),
    ("ARI", lambda s: _share(s.ari)),
)


def console() -> Console:
    """Where the tables go: stdout, as wide as the terminal."""
    shown = Console()
    return shown if shown.is_terminal else Console(width=WIDTH)


def show_encoder(console: Console, name: str) -> None:
    """Print whose vectors all methods get."""
    console.print(f"encoder {name}", highlight=False)


def show_pairs(console: Console, name: str, score: "PairScore") -> None:
    """Print how a collection was judged by pairs of activities."""
    table = Table(
        title=f"{name}: {score.people} people; {score.activities:,} activities, "
        f"{score.labelled:.0%} with topics",
        title_justify="left",
        title_style="bold",
        caption="pairs of activities of one person that share a topic; a topic of more than a "
        "tenth of a person's activities does not count",
        caption_justify="left",
    )
    table.add_column("method")
    for column in ("per person", "of activities", "in a journey", "anywhere", "lift", "together"):
        table.add_column(column, justify="right")
    table.add_row(
        "engine",
        f"{score.journeys:.1f}",
        f"{score.covered:.0%}",
        _share(score.inside),
        _share(score.anywhere),
        f"{score.lift:.1f}",
        _share(score.together),
        style="bold",
    )
    console.print(table)


def show(console: Console, result: "Result") -> None:
    """Print the tables of one collection."""
    people = result.collection.people
    activities = sum(len(person.activities) for person in people)
    what = f"{result.collection.name}: {result.collection.note}; {activities:,} activities"
    if result.reading == "texts":
        console.print(_table(f"Short texts, {what}", TEXTS, result, result.rows))
    elif result.reading == "mixed":
        console.print(_table(f"E2, {what}", E2, result, result.rows))
    else:
        true = round(result.truth.journeys * len(people))
        console.print(_table(f"{what}, {true:,} true journeys", FOUND, result, result.rows))
        compared = [row for row in result.rows if row.method == "engine" or row.kind == "global"]
        title = f"E1, {result.collection.name}: journeys of clusters that are personalised or not"
        console.print(_table(title, E1, result, compared, truth=True))


def show_end(console: Console, calibration: "dict[str, Calibration]") -> None:
    """Print how far the engine's confidence can be trusted, then how to read all this."""
    if calibration:
        console.print(_reliability(calibration))
    console.print(NOTES, style="dim", highlight=False)


def _reliability(calibration: "dict[str, Calibration]") -> Table:
    table = Table(
        title="Confidence at promotion: is it how often the journey is right?",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("collection")
    for name in ("journeys", "confidence", "right", "ECE", "Brier"):
        table.add_column(name, justify="right")
    for name, fit in calibration.items():
        table.add_row(
            name,
            f"{fit.count:,}",
            _share(fit.confidence),
            _share(fit.right),
            _share(fit.error),
            _share(fit.brier),
        )
    for each in calibration["all"].bins:
        table.add_row(
            f"  {each.low:.1f}–{each.high:.1f}",
            f"{each.count:,}",
            _share(each.confidence),
            _share(each.right),
            style="dim",
        )
    return table


def _table(
    title: str,
    columns: Sequence[_Column],
    result: "Result",
    rows: "Sequence[Row]",
    *,
    truth: bool = False,
) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=_caption(result, rows),
        caption_justify="left",
    )
    table.add_column("method", no_wrap=True)
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("best at", justify="right", style="dim")
    for name, _ in columns:
        table.add_column(name, justify="right")
    if truth:
        table.add_row(PERFECT, "", "", *(shown(result.truth) for _, shown in columns), style="dim")
    for row in rows:
        table.add_row(
            row.method,
            row.kind,
            "" if row.choice is None else f"{row.choice:g}",
            *(shown(row.score) for _, shown in columns),
            style="bold" if row.method == "engine" else None,
        )
    return table


def _caption(result: "Result", rows: "Sequence[Row]") -> str | None:
    """Says which methods were not judged on everybody."""
    whole = len(result.collection.people)
    few = [f"{row.method} on {row.people} of {whole}" for row in rows if row.people < whole]
    return "; ".join(few) or None


def _share(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)
