"""The load tests: they run to the end and count right; what they time is not looked at."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from load_tests import open_loop, workload
from load_tests.arrivals import change_times, commit_times
from load_tests.baseline import checkout
from load_tests.faults import memory as followed
from load_tests.faults import schedule
from load_tests.job import Job
from load_tests.many_users import Users
from load_tests.memory import per_user
from load_tests.synthetic import titles
from load_tests.systems import nothing, profile
from load_tests.systems.engine import batches
from models.decoding import decode_activity
from models.engine import snapshot
from models.engine.users import UserState
from models.errors import JourneysError
from streams.kafka.partitioning import partition_of
from streams.state.store import MemoryParts, RocksParts

ROOT = Path(__file__).parents[2]


def run(module: str, *arguments: str, folder: Path) -> dict[str, Any]:
    result = folder / "result.json"
    done = subprocess.run(
        [sys.executable, "-m", f"load_tests.{module}", *arguments, "--json", str(result)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stderr
    numbers: dict[str, Any] = json.loads(result.read_text())
    return numbers


@pytest.mark.slow
def test_all_systems_end_and_lose_and_double_nothing(tmp_path: Path) -> None:
    tables = tmp_path / "tables.md"
    found = run("run", "--workload", "smoke", "--markdown", str(tables), folder=tmp_path)
    smoke, systems = workload.load("smoke"), found["systems"]
    assert systems["stock"]["events"] == smoke.stock_events
    for name in ("quix", "engine", "worker", "nothing"):
        assert systems[name]["events"] == smoke.events
    for name in ("quix", "worker"):
        assert systems[name]["changes"] > 0
        assert systems[name]["changelog_bytes_per_event"] > 0
        counts = {what: systems[name][what] for what in ("lost", "duplicated", "unexpected")}
        assert counts == {"lost": 0, "duplicated": 0, "unexpected": 0}
    others = ("stock", "quix", "engine", "nothing")
    assert set(found["ratios"]) == {f"worker/{other}" for other in others}
    nothing, worker = (systems[name]["changelog_bytes_per_event"] for name in ("nothing", "worker"))
    assert nothing == pytest.approx(worker, rel=0.1), "it writes as much"
    assert "|worker " in tables.read_text()


@pytest.mark.parametrize("name", workload.names())
def test_a_workload_is_what_its_file_says(name: str) -> None:
    load = workload.load(name, events=500)
    events = workload.generate(load)
    assert events == workload.generate(load), "the seed decides"
    values = [json.loads(event.value) for event in events]
    assert len(values) == 500
    assert [value["user_id"].encode() for value in values] == [event.key for event in events]
    moments = [value["occurred_at"] for value in values]
    assert moments == sorted(moments)
    assert len({event.item for event in events}) < 500, "items come again: their vectors are warm"


def test_the_first_users_of_a_zipf_workload_bring_most() -> None:
    load = workload.load("zipf", events=5_000)
    counts = sorted(Counter(event.key for event in workload.generate(load)).values())
    assert sum(counts[-100:]) > 5_000 / 3


@pytest.mark.slow
def test_latency_is_told_by_phase(tmp_path: Path) -> None:
    arguments = ("--events", "1000", "--seconds", "2", "--plot", str(tmp_path / "latency.png"))
    found = run("latency", *arguments, folder=tmp_path)
    assert set(found["phases"]) == {"steady", "bursts", "drain"}
    for phase in found["phases"].values():
        assert 0 < phase["to_commit_ms"]["p50"] <= phase["to_commit_ms"]["p99"]
        assert phase["to_commit_ms"]["p99"] <= phase["to_commit_ms"]["max"]
    assert found["phases"]["drain"]["drained_seconds"] > 0
    assert (tmp_path / "latency.png").stat().st_size > 0


@pytest.mark.slow
def test_scale_tells_of_workers_users_and_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYS_SESSION_TIMEOUT", "4")  # until the group gives up who was killed
    found = run("scale", "--users", "20", "--log-users", "60", folder=tmp_path)
    assert [row["workers"] for row in found["workers"]] == [1, 2]
    assert [row["users"] for row in found["users"]] == [20]
    assert [row["local_files"] for row in found["recovery"]] == ["kept", "gone"]
    for row in found["recovery"]:
        assert 20 < row["users"] <= 60
        assert row["seconds"] > 0


@pytest.mark.slow
def test_a_profile_adds_up(tmp_path: Path) -> None:
    cost = run("profile", "--workload", "smoke", folder=tmp_path)["microseconds_per_event"]
    told = sum(cost["stages"].values()) + sum(cost["threads"].values())
    assert told == pytest.approx(cost["all"], rel=0.2)
    assert cost["stages"]["engine: clusters, lifecycle"] > 0


def test_every_stage_of_the_profile_is_a_place_that_exists() -> None:
    packages = Path(np.__file__).parents[1]
    for key in profile.STAGES:
        path, _, function = key.partition(":")
        place = next((top / path for top in (ROOT, packages) if (top / path).exists()), None)
        assert place is not None, f"{path} has gone: where is its stage now?"
        assert not function or f"def {function}(" in place.read_text(), key


def test_processor_time_is_told_by_stage() -> None:
    activity = workload.generate(workload.load("smoke", events=1))[0]
    sampler = profile.Sampler()
    sampler.start()
    until = time.thread_time() + 1.0  # some machines' timers tick twenty times a second
    while time.thread_time() < until:
        decode_activity(activity.key, activity.value)
    found = sampler.stop()["stages"]
    assert found["decode"] > 0.5 * sum(found.values())
    assert sum(found.values()) == pytest.approx(1.0, abs=0.1)


def test_an_engine_that_does_nothing_stores_what_it_is_told(tmp_path: Path) -> None:
    load = workload.load("smoke")
    events = workload.generate(load)
    (tmp_path / "keys").write_bytes(b"\n".join(event.key for event in events))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(event.value for event in events))
    job = Job("nothing", "", "", "", "", "", 4, len(events), str(tmp_path), "", 300.0)
    engine, users, stored = nothing.Nothing(nothing.ballast_of(job)), dict[str, UserState](), 0
    for batch in batches(job, 5_000):
        activities = [decode_activity(key, value) for key, value in batch]
        for activity in activities:
            user = users.setdefault(activity.user_id, engine.new_user(activity.user_id))
            assert not engine.activity(user, activity, np.zeros(1, np.float32)).changes
        for name in {activity.user_id for activity in activities}:
            for key, value in snapshot.dump(users[name]):
                stored += len(key) + len(value or b"") + nothing.RECORD_BYTES
    assert stored / len(events) == pytest.approx(300, rel=0.02)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="is no checkout")
def test_another_commit_is_checked_out_for_as_long_as_it_runs(tmp_path: Path) -> None:
    with checkout("HEAD", tmp_path) as baseline:
        assert baseline.systems == [f"{name}@{baseline.commit}" for name in ("engine", "worker")]
        points = next(baseline.root.glob("*.dist-info")) / "entry_points.txt"
        assert "batch = streams.kafka.transport:Transport" in points.read_text()
    assert not baseline.root.exists()
    with pytest.raises(JourneysError, match="git rev-parse"), checkout("no-such", tmp_path):
        pass


def test_an_open_loop_has_its_times_beforehand() -> None:
    plan = open_loop.phases(saturation=1_000, share=0.5, seconds=10, warm_up=1)
    for before, after in pairwise(plan):
        assert before.end == after.first
    for phase in plan:
        assert (np.diff(phase.due) >= 0).all()
    steady, bursts, drain = plan[1:]
    assert len(steady.due) == len(bursts.due) == 5_000
    assert bursts.due.max() <= 10
    assert np.mean(bursts.due % open_loop.BURST_EVERY < open_loop.BURST_SECONDS) == pytest.approx(
        open_loop.BURST_SHARE, abs=0.03
    )
    assert (drain.due == 0).sum() == drain.backlog == 2_500


def test_arrivals_are_matched_with_what_caused_them() -> None:
    changes = [
        (1.0, b'{"id": "a", "data": {"cause": "e00000002"}}'),
        (2.0, b'{"id": "b", "data": {"cause": "window:86400000"}}'),
        (3.0, b'{"id": "a", "data": {"cause": "e00000002"}}'),
    ]
    np.testing.assert_equal(change_times(changes, 4), [np.nan, np.nan, 1.0, np.nan])
    events = workload.generate(workload.load("smoke", events=6))
    owners = [partition_of(event.key, 2) for event in events]
    whole = [owners.count(0), owners.count(1)]
    assert all(whole), "the workload has users on both"
    looks = [(1.0, [0, 0]), (2.0, [1, 0]), (3.0, whole)]
    first = owners.index(0)
    expected = [2.0 if number == first else 3.0 for number in range(6)]
    np.testing.assert_equal(commit_times(looks, events, 2), expected)
    never = commit_times(looks[:2], events, 2)
    assert np.isnan(never).sum() == 5


def test_users_in_a_store_cost_the_same_state_and_some_memory(tmp_path: Path) -> None:
    parts = RocksParts(tmp_path / "users")
    users = Users(30, cached=10, titles=titles(8, 100, 32), parts=parts)
    cost = users.run(2_000)
    assert cost.loaded == 30, "all of them, once, in a batch"
    assert cost.state_bytes == Users(30, 10, titles(8, 100, 32), MemoryParts()).state_bytes
    taken = per_user(parts, 30)
    assert taken["hot"] > cost.state_bytes / 30 > taken["cold"] > 0
    parts.close()


def test_faults_are_those_of_their_seed_each_as_often_as_it_should_be() -> None:
    def drawn(seed: int) -> list[schedule.Fault]:
        return list(islice(schedule.faults(seed, list(schedule.FAULTS), 2.0), 130))

    assert drawn(1) == drawn(1) != drawn(2)
    kinds = Counter(fault.kind for fault in drawn(1))
    assert kinds == {kind: 10 * times for kind, times in schedule.FAULTS.items()}


@pytest.mark.parametrize("grows", [False, True])
def test_memory_is_flat_or_is_not(grows: bool) -> None:
    watched = followed.Memory(os.getpid())
    held = []
    for _ in range(100):
        watched.sample()
        if grows:
            held.append(bytearray(range(256)) * 4_000)
    found = watched.summary()
    assert found["flat"] is not grows
    assert found["samples"] == 100
