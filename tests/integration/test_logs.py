"""What a service writes to stderr where its log is JSON: objects, whatever happens."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.kafka import admin
from streams.settings import Settings
from tests.support.monitors import MonitorProcess
from tests.support.processes import journeys
from tests.support.workers import WorkerProcess


def objects(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert found, "it wrote nothing"
    for one in found:
        assert one.keys() >= {"time", "level", "logger", "message"}
        assert one["time"].endswith(("Z", "+00:00"))
    return found


@pytest.mark.parametrize("kind", [WorkerProcess, MonitorProcess])
def test_every_line_of_a_services_life_is_an_object(
    settings: Settings, tmp_path: Path, kind: type[WorkerProcess]
) -> None:
    admin.create(settings)
    process = kind(settings, tmp_path, log_format="json", log_level="info").wait_ready()
    process.stop()
    assert {one["level"] for one in objects(process.log.read_text())} >= {"INFO"}


def test_the_last_word_of_a_command_that_fails_is_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = journeys(settings.model_copy(update={"log_format": "json"}), "worker")
    last = objects(missing.stderr)[-1]
    assert (last["level"], last["logger"]) == ("ERROR", "journeys")
    assert "journeys topics create" in last["message"]

    monkeypatch.setenv("JOURNEYS_BATCH_RECORDS", "none")
    wrong = settings.model_copy(update={"log_format": "json", "batch_records": "none"})
    (only,) = objects(journeys(wrong, "worker").stderr)
    assert only["message"].startswith("JOURNEYS_BATCH_RECORDS: ")
