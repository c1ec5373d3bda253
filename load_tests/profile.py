"""Where an event's microseconds go in the worker, stage by stage, by processor time.

`python -m load_tests.profile [--workload laptop] [--broker kafka] [--json FILE] [--markdown FILE]`

One run of the worker over the log, sampled by its own processor time (`systems/profile.py`): the
stages of the event loop's thread, its dearest functions, and the other threads. It ends by itself.
"""

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from load_tests import report, workload
from load_tests.bench import Bench
from load_tests.command import (
    broker_option,
    json_option,
    markdown_option,
    paper,
    set_up,
    start,
    tell,
    workload_option,
)
from load_tests.measure import Run
from load_tests.systems.profile import LOOP, STAGES

FUNCTIONS = 12  # shown


@click.command(help=__doc__)
@workload_option("laptop")
@broker_option
@click.option("--events", type=click.IntRange(min=1), help="instead of the workload's")
@json_option
@markdown_option
def main(
    name: str, broker: str, events: int | None, json_to: Path | None, markdown_to: Path | None
) -> None:
    load, console = workload.load(name, events=events), paper()
    around = report.environment(broker)
    with set_up(broker, console) as (folder, address, progress):
        bench = Bench(load, address, folder, progress)
        bench.write()
        bench.send()
        run = bench.run("profile", "profile", "profile")
    whole = {
        "environment": around,
        "workload": {"name": name, **msgspec.structs.asdict(load)},
        **_numbers(run),
    }
    tell(_blocks(whole), whole, console, json_to, markdown_to)


def _numbers(run: Run) -> dict[str, Any]:
    """Microseconds an event of each stage, in the order of the data's path."""
    profile, share = run.profile or {}, 1e6 / run.events
    order = [*dict.fromkeys(STAGES.values()), LOOP]
    parts = {
        part: {name: round(seconds * share, 2) for name, seconds in profile[part].items()}
        for part in ("stages", "functions", "threads")
    }
    parts["stages"] = {stage: parts["stages"].get(stage, 0.0) for stage in order}
    for part in ("functions", "threads"):
        dearest = sorted(parts[part].items(), key=lambda item: -item[1])[:FUNCTIONS]
        parts[part] = dict(dearest)
    return {
        "events": run.events,
        "microseconds_per_event": {"all": round(run.cpu * share, 2), **parts},
    }


def _blocks(whole: dict[str, Any]) -> list[Table | str]:
    cost = whole["microseconds_per_event"]
    title = f"µs of processor time an event ({whole['events']:,}, {whole['workload']['name']})"
    stages = report.table(title, "stage", "µs", "share")
    dearest = report.table("The dearest functions, with what they call outside", "function", "µs")
    for name, spent in (cost["stages"] | _threads(cost["threads"])).items():
        stages.add_row(name, f"{spent:.1f}", f"{spent / cost['all']:.0%}")
    stages.add_row("all", f"{cost['all']:.1f}", "")
    for name, spent in cost["functions"].items():
        if name != LOOP:
            dearest.add_row(name, f"{spent:.1f}")
    return [stages, dearest, *report.machine(whole["environment"])]


def _threads(threads: dict[str, float]) -> dict[str, float]:
    return {f"thread: {name}": spent for name, spent in threads.items() if spent >= 0.05}


if __name__ == "__main__":
    start(main)
