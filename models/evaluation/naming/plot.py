"""The evaluation of names in one picture: retrieval, and nearness to the human's name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from models.evaluation.extraction.plot import METADATA
from models.evaluation.naming.experiment import Row

COLOURS: Final = {
    "technique": "#c0392b",
    "one answer": "#2c7fb8",
    "input": "#2c7fb8",
    "calls": "#d9a441",
    "depth": "#7f8c8d",
}
MEASURES: Final = {"retrieval": "picks its journey among 20", "cosine": "cosine to the human name"}


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows into a file that `plot.check_format` has passed."""
    figure = Figure(figsize=(11, 1 + 0.36 * len(rows)), layout="constrained")
    places = range(len(rows))
    for column, (measure, title) in enumerate(MEASURES.items(), 1):
        axes = figure.add_subplot(1, len(MEASURES), column)
        values = [getattr(row.score, measure) for row in rows]
        bars = axes.barh(places, values, color=[COLOURS[row.experiment] for row in rows])
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        axes.set_yticks(places, [f"{row.experiment}: {row.method}" for row in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.12)
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130, metadata=METADATA[path.suffix])
