"""Monitors as processes."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams.settings import Settings
from tests.support.workers import WorkerProcess


class MonitorProcess(WorkerProcess):
    """`journeys monitor` in a process of its own."""

    command = "monitor"

    def ask(self, path: str, **query: str) -> Any:
        status, text = self.get(f"/api/{path}?{urllib.parse.urlencode(query)}")
        assert status == 200, text
        return json.loads(text)


@contextmanager
def monitor(settings: Settings, folder: Path, **changes: Any) -> Iterator[MonitorProcess]:
    process = MonitorProcess(settings, folder, **changes)
    try:
        yield process
    finally:
        process.kill()
