"""Workers that share a log, and workers that come back after they were killed."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from load_tests.bench import RUN_SECONDS, Bench
from load_tests.process import Process


def share(bench: Bench, workers: int, folder: Path) -> dict[str, Any]:
    """So many workers over one log, which comes once each has its partitions.

    Args:
        bench: Its log is written, its topics are empty.
        workers: No more than there are partitions.
        folder: For their state.

    Returns:
        Events a second, and a second of all their processor time.

    Raises:
        Failed: One stopped early or did not end.
    """
    events, partitions = len(bench.events), bench.settings.partitions
    with bench.task(f"{workers} workers") as advance, ExitStack() as stack:
        processes = []
        for _ in range(workers):
            state = tempfile.mkdtemp(dir=folder)
            job = bench.shared(bench.job("worker", f"together-{workers}", state))
            processes.append(stack.enter_context(Process(job, RUN_SECONDS, stays=True)))
        for process in processes:
            process.until(lambda told: 0 < told["held"] <= partitions - workers + 1)
        bench.send()
        results = [
            process.finished(
                lambda done: advance(sum(each.told["done"] for each in processes), events)
            )
            for process in processes
        ]
    seconds, cpu = max(each["seconds"] for each in results), sum(each["cpu"] for each in results)
    return {
        "workers": workers,
        "events": events,
        "events_per_second": round(events / seconds, 1),
        "events_per_cpu_second": round(events / cpu, 1),
    }


def recover(bench: Bench, folder: Path) -> list[dict[str, Any]]:
    """Kill a worker (SIGKILL) that has handled the log, and start it again; twice.

    Args:
        bench: Its log is on the broker.
        folder: For the state.

    Returns:
        Seconds until the state is there and the most memory until then, with the local files and
        without.

    Raises:
        Failed: One stopped early or did not end.
    """
    users = len({event.key for event in bench.events})
    kept, gone = (tempfile.mkdtemp(dir=folder) for _ in range(2))
    job = bench.job("worker", "recovery", kept)
    with bench.task("worker that is killed") as advance, Process(job, RUN_SECONDS) as worker:
        worker.finished(lambda done: advance(done, job.events))
    found = []
    for state, files in ((kept, "kept"), (gone, "gone")):
        again = msgspec.structs.replace(job, system="recovery", state=state, events=users)
        with bench.task(f"recovery, files {files}"), Process(again, RUN_SECONDS) as worker:
            result = worker.finished()
        found.append(
            {
                "users": users,
                "local_files": files,
                "seconds": round(result["seconds"], 3),
                "cpu_seconds": round(result["cpu"], 3),
                "peak_rss_bytes": result["peak_rss"],
            }
        )
    return found
