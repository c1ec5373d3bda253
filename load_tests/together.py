"""Workers that share a log, and workers that come back after they were killed."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from load_tests.bench import RUN_SECONDS, Bench
from load_tests.process import Process

GROUP = "together"


def share(bench: Bench, states: Sequence[str]) -> dict[str, Any]:
    """Some workers over one log, which comes once each has its partitions; killed then (SIGKILL).

    Args:
        bench: Its log is written, its topics are empty.
        states: A folder for each worker's state; no more than there are partitions.

    Returns:
        Events a second, and a second of all their processor time.

    Raises:
        Failed: One stopped early or did not end.
    """
    events, partitions, workers = len(bench.events), bench.settings.partitions, len(states)
    with bench.task(f"{workers} workers") as advance, ExitStack() as stack:
        processes = [
            stack.enter_context(
                Process(bench.shared(bench.job("worker", GROUP, state)), RUN_SECONDS, stays=True)
            )
            for state in states
        ]
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


def recover(bench: Bench, kept: str, gone: str) -> list[dict[str, Any]]:
    """Start a worker again that was killed, twice: with its local files, and without.

    Args:
        bench: Whose log one worker had to itself.
        kept: The folder of that one's state.
        gone: Another one, empty.

    Returns:
        Seconds until the state is there, and the most memory until then.

    Raises:
        Failed: One stopped early or did not end.
    """
    users = len({event.key for event in bench.events})
    found = []
    for state, files in ((kept, "kept"), (gone, "gone")):
        job = msgspec.structs.replace(bench.job("recovery", GROUP, state), events=users)
        with bench.task(f"recovery, files {files}"), Process(job, RUN_SECONDS) as worker:
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
