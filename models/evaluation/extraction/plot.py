"""The evaluation in one picture: each collection's main measure, and the reliability."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.errors import SettingsError
from models.evaluation.extraction.calibration import Calibration
from models.evaluation.extraction.experiment import Result

COLOURS: Final = {
    "engine": "#c0392b",
    "one pass": "#7f8c8d",
    "batch": "#2c7fb8",
    "global": "#d9a441",
    "ceiling": "#bdc3c7",
}
COLUMNS: Final = 4
MEASURES: Final = {
    "people": ("f1", "F1 of journeys"),
    "mixed": ("items", "recall of items"),
    "texts": ("v_measure", "NMI"),
}
METADATA: Final = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}  # the same numbers give the same bytes


def check_format(path: Path) -> None:
    """Refuse a file whose ending is none that can be drawn.

    Raises:
        SettingsError: It says which can.
    """
    if path.suffix not in METADATA:
        raise SettingsError(f"{path}: a plot can be {', '.join(METADATA)}")


def plot(results: Sequence[Result], calibration: dict[str, Calibration], path: Path) -> None:
    """Draw the results into a file that `check_format` has passed."""
    rows = math.ceil((len(results) + 1) / COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 3.6 * rows), layout="constrained")
    for place, result in enumerate(results, 1):
        _bars(figure.add_subplot(rows, COLUMNS, place), result, *MEASURES[result.reading])
    _reliability(figure.add_subplot(rows, COLUMNS, len(results) + 1), calibration)
    figure.savefig(path, dpi=130, metadata=METADATA[path.suffix])


def _bars(axes: Axes, result: Result, measure: str, what: str) -> None:
    """One bar a method, in the table's order."""
    values = [getattr(row.score, measure) for row in result.rows]
    colours = [COLOURS.get(row.method) or COLOURS[row.kind] for row in result.rows]
    places = range(len(values))
    axes.bar_label(axes.barh(places, values, color=colours), fmt="%.2f", padding=2, fontsize=8)
    axes.set_yticks(places, [row.method for row in result.rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_title(f"{result.collection.name}: {what}", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _reliability(axes: Axes, calibration: dict[str, Calibration]) -> None:
    """How often a journey was right against how sure the engine was; on the diagonal is right."""
    axes.plot([0, 1], [0, 1], color="#bdc3c7", linestyle="--")
    whole = calibration.get("all")
    if whole is not None:
        axes.plot(
            [each.confidence for each in whole.bins],
            [each.right for each in whole.bins],
            color=COLOURS["engine"],
            zorder=1,
        )
        axes.scatter(
            [each.confidence for each in whole.bins],
            [each.right for each in whole.bins],
            [20 + 300 * each.count / whole.count for each in whole.bins],
            color=COLOURS["engine"],
            zorder=2,
        )
        axes.set_title(
            f"Confidence at promotion\n{whole.count:,} journeys, ECE {whole.error:.3f}", fontsize=10
        )
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of journeys that are right")
    axes.spines[["top", "right"]].set_visible(False)
