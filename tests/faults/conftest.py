"""Workers that a test may start, kill and freeze."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.kafka import admin
from streams.settings import Settings
from tests.support.workers import WorkerProcess


class Workers:
    """Starts workers in one group, with small batches so that there is a middle to be in."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.started: list[WorkerProcess] = []

    def start(self, kind: type[WorkerProcess] = WorkerProcess, **changes: Any) -> WorkerProcess:
        process = kind(self.settings, self.folder, **changes)
        self.started.append(process)
        return process


@pytest.fixture
def workers(settings: Settings, tmp_path: Path) -> Iterator[Workers]:
    """The group; what a test leaves running is killed."""
    settings = settings.model_copy(update={"batch_records": 100})
    admin.create(settings)
    found = Workers(settings, tmp_path)
    yield found
    for process in found.started:
        process.kill()
