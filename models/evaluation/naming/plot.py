"""The evaluation of names in one picture: unseen titles, and nearness to humans' names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from models.evaluation.extraction.plot import METADATA
from models.evaluation.naming.experiment import Row

COLOURS: Final = {
    "N1 technique": "#c0392b",
    "N1 one answer": "#c0392b",
    "N2 input": "#2c7fb8",
    "N2 depth": "#2c7fb8",
    "N3 calls": "#d9a441",
    "control": "#7f8c8d",
}
MEASURES: Final = {"unseen": "unseen titles find it among 20", "cosine": "cosine to a human name"}


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
