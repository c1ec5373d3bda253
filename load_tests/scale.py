"""How it scales: two workers beside one, more users, and coming back with many.

`python -m load_tests.scale [--users 1000 --users 1000000] [--broker kafka] [--json FILE]
[--markdown FILE] [--plot FILE]`

Workers are compared by events a second of processor time: on two cores, which the broker shares,
the second one has no room. Users lie in RocksDB, as a worker's do, and most are loaded for an
event; their cost is processor time. For recovery a worker is killed (SIGKILL), and started again
with its local files and without. It ends by itself, in some five minutes.
"""

import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import Progress
from rich.table import Table

from load_tests import memory, plots, report, together, workload
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
)
from load_tests.many_users import INTERESTS, Users
from load_tests.synthetic import titles
from models.encoders.encoder import Encoder
from streams.settings import Settings
from streams.state.store import RocksParts

USERS = (1_000, 10_000, 100_000)
APPLIED = 20_000  # events for each number of users
TITLES = 3_000
EACH = 5  # activities of a user of the log


@click.command(help=__doc__)
@broker_option
@click.option(
    "--users",
    "sizes",
    multiple=True,
    type=click.IntRange(min=20),
    default=USERS,
    show_default=True,
    help="several are allowed; a million takes 10 GB of disk and some minutes",
)
@click.option(
    "--log-users",
    type=click.IntRange(min=10),
    default=20_000,
    show_default=True,
    help="of the log that workers share, and recover",
)
@json_option
@markdown_option
@plot_option
def main(
    broker: str,
    sizes: tuple[int, ...],
    log_users: int,
    json_to: Path | None,
    markdown_to: Path | None,
    plot_to: Path | None,
) -> None:
    console = paper()
    around = report.environment(broker)
    with set_up(broker, console) as (folder, address, progress):
        whole: dict[str, Any] = {
            "environment": around,
            **_workers(log_users, address, folder, progress),
            "users": [_users(count, folder, progress) for count in sorted(sizes)],
        }
    tell(_blocks(whole), whole, console, json_to, markdown_to)
    if plot_to:
        plots.users(whole["users"], plot_to)


def _workers(users: int, broker: str, folder: Path, progress: Progress) -> dict[str, Any]:
    laptop = workload.load("laptop", events=users * EACH)
    load = msgspec.structs.replace(laptop, users=users)
    one, two, gone = (tempfile.mkdtemp(dir=folder) for _ in range(3))
    alone, both = (Bench(load, broker, folder / name, progress) for name in ("alone", "both"))
    alone.write()
    speeds = [together.share(alone, [one])]
    recovery = together.recover(alone, one, gone)
    both.write()
    speeds.append(together.share(both, [two, tempfile.mkdtemp(dir=folder)]))
    return {"workers": speeds, "recovery": recovery}


def _users(count: int, folder: Path, progress: Progress) -> dict[str, Any]:
    task = progress.add_task(f"{count:,} users", total=None)
    known = titles(INTERESTS, TITLES, Encoder.open("fast").dimensions)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        parts = RocksParts(Path(place, "users"))
        cost = Users(count, Settings.load().cached_users, known, parts).run(APPLIED)
        taken = memory.per_user(parts, count)
        disk = sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file())
        parts.close()
    progress.remove_task(task)
    progress.console.print(f"{count:,} users done")
    return {
        "users": count,
        "loaded_per_event": round(cost.loaded / cost.events, 3),
        "microseconds_per_event": cost.microseconds(),
        "bytes_per_user": {"state": round(cost.state_bytes / count), "disk": round(disk / count)}
        | taken,
    }


def _blocks(whole: dict[str, Any]) -> list[Table | str]:
    one = whole["workers"][0]["events_per_cpu_second"]
    workers = report.table("Workers that share a log", "workers", "events/s", "per CPU s", "ratio")
    for row in whole["workers"]:
        speed = row["events_per_cpu_second"]
        workers.add_row(
            str(row["workers"]),
            f"{row['events_per_second']:,.0f}",
            f"{speed:,.0f}",
            f"{speed / one:.2f} ×",
        )
    parts, kinds = ("load", "apply", "dump", "store", "all"), ("state", "disk", "cold", "hot")
    cost = report.table(
        "Users in RocksDB: µs of processor time an event", "users", *parts, "loaded"
    )
    taken = report.table("Bytes a user", "users", *kinds)
    for row in whole["users"]:
        spent, sizes = row["microseconds_per_event"], row["bytes_per_user"]
        loaded = f"{row['loaded_per_event']:.2f}"
        cost.add_row(f"{row['users']:,}", *(f"{spent[part]:.1f}" for part in parts), loaded)
        taken.add_row(f"{row['users']:,}", *(f"{sizes[kind]:,.0f}" for kind in kinds))
    recovery = report.table(
        "Recovery after SIGKILL", "users", "local files", "s", "CPU s", "users/s", "peak RSS MB"
    )
    for row in whole["recovery"]:
        recovery.add_row(
            f"{row['users']:,}",
            row["local_files"],
            f"{row['seconds']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['users'] / row['seconds']:,.0f}",
            f"{row['peak_rss_bytes'] / 1e6:,.0f}",
        )
    return [
        *(workers, cost),
        "loaded: users read back, an event",
        taken,
        "state: of the changelog; memory: of one who is only stored (cold), is decoded (hot)",
        recovery,
        *report.machine(whole["environment"]),
    ]


if __name__ == "__main__":
    start(main)
