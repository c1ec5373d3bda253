"""The engine alone: clusters a user beside River's clusterers, and bytes of state.

`python -m load_tests.engine [--seconds 3] [--json FILE]`

Synthetic vectors. What many users cost is in `load_tests.scale`.
"""

from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from load_tests import report, river_clusterers
from load_tests.command import json_option, save, start
from load_tests.synthetic import titles
from models.encoders.encoder import Encoder
from models.engine import snapshot
from models.engine.users import UserState
from streams.cli.progress import bars

CLUSTERS = (10, 30, 100)
TITLES = 3_000
WARM_UP_SECONDS = 2.0


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.01),
    default=3.0,
    show_default=True,
    help="for each clusterer, its seeding not counted",
)
@json_option
def main(seconds: float, json_to: Path | None) -> None:
    """Measure the engine alone."""
    console = Console()
    with bars(console) as progress:
        task = progress.add_task("", total=None)
        dimensions = Encoder.open("fast").dimensions
        results: dict[str, Any] = {
            "environment": report.environment("none"),
            "dimensions": dimensions,
            "clusters": [],
        }
        progress.update(task, description="compiling")  # on first use, and not to be measured
        fewest = CLUSTERS[0]
        river_clusterers.engine(titles(fewest, TITLES, dimensions), fewest, WARM_UP_SECONDS)
        for clusters in CLUSTERS:
            progress.update(task, description=f"{clusters} clusters a user")
            results["clusters"].append(_with_clusters(clusters, dimensions, seconds))
    _show(results, console)
    save(results, json_to)


def _with_clusters(clusters: int, dimensions: int, seconds: float) -> dict[str, Any]:
    known = titles(clusters, max(TITLES, 20 * clusters), dimensions)
    ours, user = river_clusterers.engine(known, clusters, seconds)
    speeds = [ours, *river_clusterers.river(known, clusters, seconds)]
    return {
        "interests": clusters,
        **_state(user),
        "systems": {
            speed.name: {"events_per_second": round(speed.rate, 1), "clusters": speed.clusters}
            for speed in speeds
        },
    }


def _state(user: UserState) -> dict[str, float]:
    sizes = {key: len(key) + len(value or b"") for key, value in snapshot.dump(user)}
    parts = [size for key, size in sizes.items() if not snapshot.is_header(key)]
    return {
        "state_bytes_per_user": sum(sizes.values()),
        "state_bytes_per_cluster": round(sum(parts) / len(parts), 1),
    }


def _show(results: dict[str, Any], console: Console) -> None:
    table = Table(
        "interests",
        "clusterer",
        box=SIMPLE,
        title=f"One user, {results['dimensions']} dimensions",
        title_justify="left",
    )
    for column in ("events/s", "engine is", "clusters held"):
        table.add_column(column, justify="right")
    for row in results["clusters"]:
        ours = row["systems"]["engine"]["events_per_second"]
        for name, system in row["systems"].items():
            rate = system["events_per_second"]
            table.add_row(
                str(row["interests"]),
                name,
                f"{rate:,.0f}",
                f"{ours / rate:,.1f} ×",
                str(system["clusters"] or "—"),
            )
    console.print(table)
    for row in results["clusters"]:
        console.print(
            f"state with {row['interests']} interests: "
            f"{row['state_bytes_per_user']:,} bytes a user, "
            f"{row['state_bytes_per_cluster']:,.0f} a cluster",
            highlight=False,
        )


if __name__ == "__main__":
    start(main)
