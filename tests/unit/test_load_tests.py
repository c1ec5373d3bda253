"""The load tests: they run to the end and count right; what they time is not looked at."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from load_tests import workload

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
