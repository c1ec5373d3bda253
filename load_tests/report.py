"""What the runs add up to: medians, ratios, and what was lost or doubled."""

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from load_tests.measure import Run
from load_tests.systems import NAMES, module_of, title_of

Ledger = Mapping[str, Counter[str]]
Repetition = Mapping[str, Run]

MACHINE_BUSY = 0.5  # load average a core before the first run: what is measured is then not ours


def summary(repetitions: Sequence[Repetition], ledger: Ledger) -> dict[str, Any]:
    """The numbers, as they go into the JSON file.

    Args:
        repetitions: Each with a run of every system.
        ledger: By system: the ids of the changes that it must give, each once.
    """
    systems = list(repetitions[0])
    return {
        "systems": {
            name: _system([repetition[name] for repetition in repetitions], ledger.get(name))
            for name in sorted(systems, key=_place)
        },
        "ratios": {
            f"{ours}/{other}": {
                "events_per_second": _spread(
                    [one[ours].rate / one[other].rate for one in repetitions]
                ),
                "events_per_cpu_second": _spread(
                    [one[ours].cpu_rate / one[other].cpu_rate for one in repetitions]
                ),
            }
            for other in sorted(systems, key=_place)
            for ours in [module_of(other) if "@" in other else "worker"]
            if ours in systems and other != ours
        },
    }


def _place(system: str) -> tuple[bool, str, int]:
    """Ours first, in their order; then each baseline."""
    module, _, commit = system.partition("@")
    return bool(commit), commit, list(NAMES).index(module)


def _system(runs: Sequence[Run], expected: Counter[str] | None) -> dict[str, Any]:
    numbers: dict[str, Any] = {
        "events": runs[0].events,
        "events_per_second": _spread([run.rate for run in runs]),
        "events_per_cpu_second": _spread([run.cpu_rate for run in runs]),
        "peak_rss_bytes": max(run.peak_rss for run in runs),
    }
    if runs[0].changelog_bytes is not None:
        numbers["changelog_bytes_per_event"] = round(
            median((run.changelog_bytes or 0) / run.events for run in runs), 1
        )
    if expected is not None:
        ids = [run.ids or Counter() for run in runs]
        numbers["changes"] = expected.total()
        numbers["lost"] = sum((expected - got).total() for got in ids)
        numbers["duplicated"] = sum(sum(times - 1 for times in got.values()) for got in ids)
        numbers["unexpected"] = sum(len(got.keys() - expected.keys()) for got in ids)
    return numbers


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
        "runs": [round(value, 3) for value in values],
    }


def environment(broker: str) -> dict[str, Any]:
    """Where and when; what else ran on the machine."""
    packages = ("faust-streaming", "aiokafka", "river", "numpy", "msgspec", "interest-journeys")
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "broker": broker,
        "packages": {name: version(name) for name in packages},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def blocks(whole: Mapping[str, Any]) -> list[Table | str]:
    """Tables and lines that tell the numbers."""
    workload = whole["workload"]
    title = (
        f"{workload['events']:,} activities of {workload['users']:,} users, "
        f"{whole['repetitions']} repetitions, {whole['environment']['broker']} broker"
    )
    speeds = table(
        title, "system", "events/s", "min–max", "per CPU s", "log B", "RSS MB", "lost", "twice"
    )
    for name, system in whole["systems"].items():
        rate = system["events_per_second"]
        speeds.add_row(
            name,
            f"{rate['median']:,.0f}",
            f"{rate['min']:,.0f}–{rate['max']:,.0f}",
            _number(system["events_per_cpu_second"]["median"]),
            _number(system.get("changelog_bytes_per_event")),
            _number(system["peak_rss_bytes"] / 1e6),
            *(_number(system.get(field)) for field in ("lost", "duplicated")),
        )
    ratios = table("Ratios, within each repetition", "", "events/s", "min–max", "events/CPU s")
    for name, ratio in whole["ratios"].items():
        rate, cpu = ratio["events_per_second"], ratio["events_per_cpu_second"]
        ratios.add_row(
            name.replace("/", " / "),
            f"{rate['median']:.2f} ×",
            f"{rate['min']:.2f}–{rate['max']:.2f}",
            f"{cpu['median']:.2f} ×",
        )
    return [
        speeds,
        "per CPU s: events per second of processor time, which other load changes less; "
        "log B: bytes of changelog per event, on the wire",
        *([ratios] if whole["ratios"] else []),
        "; ".join(f"{name}: {title_of(name)}" for name in whole["systems"]),
        *(
            f"[red]{name}: {system['unexpected']} changes that should not be[/]"
            for name, system in whole["systems"].items()
            if system.get("unexpected")
        ),
        *machine(whole["environment"]),
    ]


def table(title: str, first: str, *columns: str) -> Table:
    """An empty table: its first column says what, the others are numbers."""
    made = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    made.add_column(first, no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def machine(around: Mapping[str, Any]) -> list[str]:
    """Lines that say where and when, and whether something else ran."""
    lines = [
        f"{around['cpu']}, {around['cores']} cores, Python {around['python']}, {around['date']}"
    ]
    if around["load_average"] > MACHINE_BUSY * (around["cores"] or 1):
        lines.append(
            f"[yellow]The machine was busy (load average {around['load_average']}): "
            "take these numbers again when it is not.[/]"
        )
    return lines


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f}"
