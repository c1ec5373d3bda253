"""The comparison: systems on one broker and one log, vectors warm.

`python -m load_tests.run [--workload laptop] [--broker embedded|kafka|HOST:PORT]
[--baseline COMMIT] [--system NAME] [--json FILE] [--markdown FILE]`

Each system runs in a process of its own, one after the other, in an order that turns with every
repetition, so that a machine that gets slower or faster is nobody's gain; ratios are taken within
each repetition. A baseline is another commit, whose worker and engine run over the same log. It
ends by itself.
"""

import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from load_tests import quixstreams_install, report, workload
from load_tests.baseline import checkout
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
from load_tests.systems import NAMES, module_of

BUDGET_SECONDS = 900.0  # no repetition is begun that would end later


@click.command()
@workload_option("laptop")
@broker_option
@click.option("--events", type=click.IntRange(min=1), help="instead of the workload's")
@click.option("--repetitions", type=click.IntRange(min=1), help="instead of the workload's")
@click.option(
    "--system",
    "only",
    multiple=True,
    type=click.Choice(list(NAMES)),
    help="this one and no other; several are allowed",
)
@click.option(
    "--baseline",
    "commits",
    multiple=True,
    metavar="COMMIT",
    help="its worker and its engine, too, where ours run; several are allowed",
)
@json_option
@markdown_option
def main(
    name: str,
    broker: str,
    events: int | None,
    repetitions: int | None,
    only: tuple[str, ...],
    commits: tuple[str, ...],
    json_to: Path | None,
    markdown_to: Path | None,
) -> None:
    """Compare our worker with what it could have been built with, and with what it was."""
    load = workload.load(name, events=events, repetitions=repetitions)
    console = paper()
    around = report.environment(broker)
    systems = [system for system in NAMES if not only or system in only]
    if "quix" in systems:
        quixstreams_install.fetch()
    done: list[dict[str, Run]] = []
    with set_up(broker, console) as (folder, address, progress), ExitStack() as worktrees:
        baselines = [worktrees.enter_context(checkout(commit, folder)) for commit in commits]
        systems += [
            system
            for baseline in baselines
            for system in baseline.systems
            if module_of(system) in systems
        ]
        bench = Bench(load, address, folder, progress, baselines)
        expected = bench.prepare()
        began = time.monotonic()
        for number in range(load.repetitions):
            took = (time.monotonic() - began) / max(1, number)
            if number and time.monotonic() - began + took > BUDGET_SECONDS:
                console.print(f"stopped after {number} repetitions: out of time")
                break
            done.append(bench.repeat(number, systems))
    ledger = {"worker": expected}
    if "engine" in systems:
        # Quix Streams lets no time pass for users who do not come back: the engine alone neither.
        ledger["quix"] = done[0]["engine"].ids or Counter()
    whole = {
        "environment": around,
        "workload": {"name": name, **msgspec.structs.asdict(load)},
        "repetitions": len(done),
        **report.summary(done, ledger),
    }
    tell(report.blocks(whole), whole, console, json_to, markdown_to)


if __name__ == "__main__":
    start(main)
