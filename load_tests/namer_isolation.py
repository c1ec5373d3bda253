"""Does clustering notice the server that names? The worker beside a namer whose server is ill.

`python -m load_tests.namer_isolation [--events 60000] [--repetitions 2] [--json FILE]`

The same log, the same worker; beside it no namer at all, or one whose server answers, refuses
connections, or takes requests and says nothing (the stub of the tests). All share this machine, so
events per second of the worker's own processor time are told, too: a namer that is busy takes time
away on two cores, not on its own machine.
"""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console

from load_tests import workload
from load_tests.bench import Bench
from load_tests.command import broker_option, json_option, save, set_up, start, workload_option
from load_tests.measure import Run
from streams.demo.broker import free_port
from streams.demo.children import Child
from tests.support.vllm_stub import hang, stub_server

STATES = ("no namer", "up", "refused", "hung")


@click.command(help=__doc__)
@workload_option("laptop")
@broker_option
@click.option("--events", type=click.IntRange(min=1), help="instead of the workload's")
@click.option("--repetitions", type=click.IntRange(min=1), default=2, show_default=True)
@json_option
def main(
    name: str, broker: str, events: int | None, repetitions: int, json_to: Path | None
) -> None:
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # namers end in mid-request
    load = workload.load(name, events=events, repetitions=repetitions)
    console = Console()
    runs: dict[str, list[Run]] = {state: [] for state in STATES}
    with set_up(broker, console) as (folder, address, progress):
        bench = Bench(load, address, folder, progress)
        bench.prepare()
        for number in range(repetitions):
            turn = number % len(STATES)
            for state in STATES[turn:] + STATES[:turn]:
                group = f"{state.replace(' ', '-')}-{number}"
                with _namer(state, bench, group, folder):
                    runs[state].append(bench.run("worker", group, f"{number + 1} {state}"))
    results = {state: _numbers(runs[state], runs[STATES[0]]) for state in STATES}
    for state, numbers in results.items():
        console.print(
            f"{state:9} {numbers['events_per_second']:8,.0f} events/s, "
            f"{numbers['ratio']:.2f} of without a namer; by its own processor time "
            f"{numbers['cpu_ratio']:.2f}"
        )
    save(results, json_to)


def _numbers(runs: list[Run], alone: list[Run]) -> dict[str, Any]:
    pairs = list(zip(runs, alone, strict=True))  # ratios within each repetition
    return {
        "events_per_second": median(run.rate for run in runs),
        "ratio": median(run.rate / other.rate for run, other in pairs),
        "cpu_ratio": median(run.cpu_rate / other.cpu_rate for run, other in pairs),
    }


@contextmanager
def _namer(state: str, bench: Bench, group: str, folder: Path) -> Iterator[None]:
    """A namer in the worker's group whose server is in this state; it has joined when asked."""
    if state == "no namer":
        yield
        return
    with (
        _server(state) as url,
        Child(
            "namer", bench.settings.model_copy(update={"group": group, "vllm_url": url}), folder
        ) as namer,
    ):
        yield
        namer.check()


@contextmanager
def _server(state: str) -> Iterator[str]:
    if state == "refused":
        yield f"http://127.0.0.1:{free_port()}"
        return
    urls: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def run() -> None:
        async with stub_server() as stub:
            if state == "hung":
                stub.behave, stub.probes = hang, False
            urls.append(stub.url)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    try:
        yield urls[0]
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    start(main)
