"""The comparison: four systems, one broker, one log, vectors warm.

`python -m load_tests.run [--workload laptop] [--broker embedded|kafka|HOST:PORT] [--json FILE]`

Each system runs in a process of its own, one after the other, in an order that turns with every
repetition, so that a machine that gets slower or faster is nobody's gain. It ends by itself.
"""

import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import msgspec
from rich.console import Console

from load_tests import quixstreams_install, report, workload
from load_tests.bench import Bench
from load_tests.command import broker_option, json_option, save, serve, start
from load_tests.measure import Run
from streams.cli.progress import bars

BUDGET_SECONDS = 450.0  # no repetition is begun that would end later


@click.command()
@click.option(
    "--workload",
    "name",
    type=click.Choice(workload.names()),
    default="laptop",
    show_default=True,
    help="a file of load_tests/workloads",
)
@broker_option
@click.option("--events", type=click.IntRange(min=1), help="instead of the workload's")
@click.option("--repetitions", type=click.IntRange(min=1), help="instead of the workload's")
@json_option
def main(
    name: str, broker: str, events: int | None, repetitions: int | None, json_to: Path | None
) -> None:
    """Compare our worker with what it could have been built with."""
    load = workload.load(name, events=events, repetitions=repetitions)
    console = Console()
    around = report.environment(broker)
    quixstreams_install.fetch()
    done: list[dict[str, Run]] = []
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        serve(broker, Path(folder)) as address,
        bars(console) as progress,
    ):
        bench = Bench(load, address, Path(folder), progress)
        expected = bench.prepare()
        began = time.monotonic()
        for number in range(load.repetitions):
            took = (time.monotonic() - began) / max(1, number)
            if number and time.monotonic() - began + took > BUDGET_SECONDS:
                console.print(f"stopped after {number} repetitions: out of time")
                break
            done.append(bench.repeat(number))
    # Quix Streams here lets no time pass for users who do not come back: the engine alone neither.
    ledger = {"worker": expected, "quix": done[0]["engine"].ids or Counter()}
    whole = {
        "environment": around,
        "workload": {"name": name, **msgspec.structs.asdict(load)},
        "repetitions": len(done),
        **report.summary(done, ledger),
    }
    report.show(whole, console)
    save(whole, json_to)


if __name__ == "__main__":
    start(main)
