"""Latency under a load that does not wait: from when an event was due to what it causes.

`python -m load_tests.latency [--rate .7] [--seconds 30] [--broker kafka] [--json FILE]
[--markdown FILE] [--plot FILE]`

First the worker's saturation, on a log that lies ready; then, at a share of it, an open loop in
three phases: steady, in bursts, and with a backlog that is drained beside it. Times are drawn
beforehand, and latency counts from then to the arrival of the change that the event causes (most
cause none), and to the commit of its offset, which the worker does once a second. Sender, listener,
worker and broker share this machine and its clock. It ends by itself.
"""

from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from load_tests import plots, report, workload
from load_tests.bench import Bench
from load_tests.command import (
    broker_option,
    json_option,
    markdown_option,
    paper,
    plot_option,
    set_up,
    start,
    tell,
    workload_option,
)
from load_tests.live import drive
from load_tests.open_loop import Phase, phases
from models.errors import JourneysError

WARM_UP_SECONDS = 3.0
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
LATE_MS = 20.0  # of a sender that the machine leaves too little time

Seconds = NDArray[np.float64]


@click.command(help=__doc__)
@workload_option("zipf")
@broker_option
@click.option("--events", type=click.IntRange(min=1), help="for saturation; as the workload's")
@click.option(
    "--rate",
    "share",
    type=click.FloatRange(0.01, 0.99),
    default=0.7,
    show_default=True,
    help="share of saturation that is sent",
)
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=30.0, show_default=True, help="of each phase"
)
@json_option
@markdown_option
@plot_option
def main(
    name: str,
    broker: str,
    events: int | None,
    share: float,
    seconds: float,
    json_to: Path | None,
    markdown_to: Path | None,
    plot_to: Path | None,
) -> None:
    load, console = workload.load(name, events=events), paper()
    around = report.environment(broker)
    with set_up(broker, console) as (folder, address, progress):
        bench = Bench(load, address, folder / "saturation", progress)
        bench.write()
        bench.send()
        saturation = bench.run("worker", "saturation", "saturation").rate
        plan = phases(saturation, share, seconds, WARM_UP_SECONDS)
        longer = msgspec.structs.replace(load, events=plan[-1].end)
        live = Bench(longer, address, folder / "live", progress)
        live.write()
        measured = drive(live, address, plan, folder)
    whole = {
        "environment": around,
        "workload": {"name": name, **msgspec.structs.asdict(load)},
        "saturation": round(saturation, 1),
        "share": share,
        "phases": {phase.name: _numbers(phase, *measured[phase.name]) for phase in plan[1:]},
    }
    tell(_blocks(whole), whole, console, json_to, markdown_to)
    if plot_to:
        plots.latency({each.name: measured[each.name][1:3] for each in plan[1:]}, plot_to)


def _numbers(phase: Phase, late: Seconds, changes: Seconds, commits: Seconds) -> dict[str, Any]:
    if np.isnan(commits).any():
        raise JourneysError("not every commit was seen")
    caused = changes[~np.isnan(changes)]
    numbers: dict[str, Any] = {
        "events": len(phase.due),
        "events_per_second": round(len(phase.due) / float(phase.due[-1]), 1),
        "changes": len(caused),
        "sender_late_ms": _percentiles(late),
        "to_change_ms": _percentiles(caused),
        "to_commit_ms": _percentiles(commits),
    }
    if phase.name == "steady":
        first, *_, last = (float(np.median(part)) for part in np.array_split(commits, 4))
        numbers["kept_up"] = last < 2 * first + 1
    if phase.backlog:
        numbers["backlog"] = phase.backlog
        numbers["drained_seconds"] = round(float(commits[: phase.backlog].max()), 2)
    return numbers


def _percentiles(seconds: Seconds) -> dict[str, float | None]:
    """In ms, exact; None of those that so few values do not tell."""
    return {
        name: round(float(np.percentile(seconds, at)) * 1e3, 2)
        if len(seconds) and (at == 100 or len(seconds) >= 1 / (1 - at / 100))
        else None
        for name, at in PERCENTILES.items()
    }


def _blocks(whole: dict[str, Any]) -> list[Table | str]:
    title = (
        f"Latency at {whole['share']:.0%} of {whole['saturation']:,.0f} events/s, ms "
        f"({whole['workload']['users']:,} users, {whole['environment']['broker']} broker)"
    )
    table = report.table(title, "phase", "events/s", "to", "of", *PERCENTILES)
    lines = []
    for name, numbers in whole["phases"].items():
        for what, count in (("change", numbers["changes"]), ("commit", numbers["events"])):
            table.add_row(
                name,
                f"{numbers['events_per_second']:,.0f}",
                what,
                f"{count:,}",
                *(_cell(value) for value in numbers[f"to_{what}_ms"].values()),
            )
        if not numbers.get("kept_up", True):
            lines.append(
                f"[yellow]{name}: the worker did not keep up, waits grew all the time: "
                "these are no latencies at that rate[/]"
            )
        if "backlog" in numbers:
            lines.append(
                f"a backlog of {numbers['backlog']:,} events, beside the others, was committed "
                f"after {numbers['drained_seconds']:.1f} s"
            )
        if (numbers["sender_late_ms"]["p99"] or 0) > LATE_MS and name != "drain":
            lines.append(
                f"[yellow]{name}: the sender itself was up to "
                f"{numbers['sender_late_ms']['p99']:,.0f} ms late (p99)[/]"
            )
    return [table, *lines, *report.machine(whole["environment"])]


def _cell(value: float | None) -> str:
    return "—" if value is None else f"{value:,.1f}"


if __name__ == "__main__":
    start(main)
