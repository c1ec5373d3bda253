"""What is easier to see than to read: latency by percentile, cost by number of users."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import JourneysError

COLOURS = ("#2c7fb8", "#d9a441", "#c0392b", "#7f8c8d", "#27ae60")
POINTS = 400  # of a curve
NINES = (0.5, 0.9, 0.99, 0.999, 0.9999)

Seconds = NDArray[np.float64]


def latency(phases: Mapping[str, tuple[Seconds, Seconds]], path: Path) -> None:
    """Draw latency by percentile, to the change and to the commit.

    Args:
        phases: By name; seconds, NaN where nothing came.
        path: `.png`, `.svg` or `.pdf`.
    """
    figure = _figure(9.0)
    for place, what in enumerate(("change", "commit")):
        axes = figure.add_subplot(1, 2, place + 1)
        for colour, (name, both) in zip(COLOURS, phases.items(), strict=False):
            found = np.sort(both[place][~np.isnan(both[place])]) * 1e3
            if not len(found):
                continue
            # Evenly spaced on the axis of nines, up to the last value that there is.
            rest = np.logspace(0, -np.log10(len(found)), POINTS)
            axes.plot(1 / rest, np.quantile(found, 1 - rest), color=colour, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([1 / (1 - share) for share in NINES], [f"{s:.10g}" for s in NINES])
        axes.minorticks_off()
        axes.set_xlabel("share of events")
        axes.set_ylabel("ms since the event was due")
        axes.set_title(f"to the {what}", fontsize=10)
        axes.grid(color="#eeeeee")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def users(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what an event costs by the number of users, part upon part."""
    axes = (figure := _figure(5.0)).add_subplot()
    counts = [row["users"] for row in rows]
    parts = [part for part in rows[0]["microseconds_per_event"] if part != "all"]
    costs = [[row["microseconds_per_event"][part] for row in rows] for part in parts]
    axes.stackplot(counts, costs, labels=parts, colors=COLOURS)
    axes.set_xscale("log")
    axes.set_xlabel("users")
    axes.set_ylabel("µs of processor time an event")
    axes.legend(frameon=False, loc="upper left")
    figure.savefig(path, dpi=130)


def _figure(width: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise JourneysError("a plot needs matplotlib: pip install -e '.[load]'") from None
    return Figure(figsize=(width, 4.0), layout="constrained")
