"""Faults against workers under load, on a seeded schedule, and the ledger at the end.

`python -m load_tests.faults [--seed N] [--minutes M] [--faults LIST] [--broker kafka]
[--json FILE] [--markdown FILE]`

It ends by itself; exit code 1: something was lost, doubled or invented.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from load_tests import report
from load_tests.command import (
    broker_option,
    json_option,
    markdown_option,
    paper,
    serve,
    start,
    tell,
)
from load_tests.faults.run import Plan, run
from load_tests.faults.schedule import FAULTS
from tests.support import brokers


@click.command()
@broker_option
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10.0, show_default=True)
@click.option(
    "--faults",
    "kinds",
    default=",".join(FAULTS),
    show_default=True,
    metavar="LIST",
    help="which faults, commas between; those of the broker need --broker kafka",
)
@click.option(
    "--events", type=click.IntRange(min=1), help="activities; default: as the minutes bring"
)
@click.option("--rate", type=click.FloatRange(min=1), default=200.0, show_default=True)
@click.option("--poison", type=click.FloatRange(0, 1), default=0.1, show_default=True)
@click.option("--pause", type=click.FloatRange(min=0), default=2.0, show_default=True)
@click.option("--outage", type=click.FloatRange(min=0), default=60.0, show_default=True)
@click.option(
    "--witness", is_flag=True, help="spare the first worker, and follow its memory: a soak"
)
@json_option
@markdown_option
def main(
    broker: str,
    seed: int,
    minutes: float,
    kinds: str,
    events: int | None,
    rate: float,
    poison: float,
    pause: float,
    outage: float,
    witness: bool,
    json_to: Path | None,
    markdown_to: Path | None,
) -> None:
    """Kill, stop, freeze, starve and damage workers and broker, and prove that nothing is lost."""
    wanted = kinds.split(",")
    if unknown := set(wanted) - FAULTS.keys():
        raise click.BadParameter(f"{min(unknown)} is none of {', '.join(FAULTS)}")
    if broker != "kafka":
        wanted = [kind for kind in wanted if not kind.startswith("broker-")]
    events = events or max(1, round(minutes * 60 * rate / (1 + poison)))
    plan = Plan(seed, wanted, events, rate, poison, pause, outage, witness)
    console = paper()
    around = report.environment(broker)
    with tempfile.TemporaryDirectory(prefix="faults-") as name, ExitStack() as stack:
        folder = Path(name)
        ours: brokers.Kafka | None = None
        if broker == "kafka":
            brokers.fetch_kafka()
            ours = stack.enter_context(brokers.plain_kafka(folder))
            address = ours.address
        else:
            address = stack.enter_context(serve(broker, folder))
        numbers = run(plan, address, ours, folder, console.log)
    whole = {"environment": around, **numbers}
    tell(_blocks(whole), whole, console, json_to, markdown_to)
    sys.exit(bool(numbers["verdict"]["findings"]))


def _blocks(whole: dict[str, Any]) -> list[Table | str]:
    plan, memory = whole["plan"], whole["memory"]
    counts = report.table(
        f"Seed {plan['seed']}, {whole['seconds'] / 60:.1f} minutes, "
        f"{whole['environment']['broker']} broker",
        "fault",
        "times",
    )
    for kind, times in sorted(whole["faults"].items()):
        counts.add_row(kind, f"{times}")
    lines = [
        f"{whole['sent']:,} records sent at {plan['rate']:.0f} a second at the most, "
        f"{plan['poison']:.0%} of them poison; {whole['idle']} faults came though nothing had "
        "gone on since the last",
        *whole["lines"],
    ]
    if not whole["verdict"]["findings"]:
        lines.append("**The ledger is clean.**")
    if whole["ended_by_themselves"]:
        lines.append(f"{len(whole['ended_by_themselves'])} workers ended by themselves")
    if memory:
        lines.append(f"memory of the worker that was spared: {memory}")
    return [counts, *lines, *report.machine(whole["environment"])]


if __name__ == "__main__":
    start(main)
