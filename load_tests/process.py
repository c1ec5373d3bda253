"""A system's process: started, listened to and ended."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from load_tests import quixstreams_install
from load_tests.job import Job
from models.errors import JourneysError

ROOT = Path(__file__).parents[1]
LOOK_SECONDS = 0.02


class Failed(JourneysError):
    """A system did not come to its end."""


class Process:
    """One system at work, while the `with` block runs; killed then, whatever it does.

    Args:
        job: What to run.
        limit: Seconds after which it is killed.
        root: Of the code that it runs.
        stays: Its standard input stays open: it remains in its group when it is done.

    Attributes:
        told: The last it has told of how far it is.
        result: What it told at its end; None before.
    """

    def __init__(self, job: Job, limit: float, root: Path = ROOT, *, stays: bool = False) -> None:
        self.told: dict[str, int] = {"done": 0, "held": 0}
        self.result: dict[str, Any] | None = None
        self._job = job
        self._limit = limit
        self._root = root
        self._stdin = subprocess.PIPE if stays else subprocess.DEVNULL
        self._late = False

    def __enter__(self) -> Self:
        """Start it."""
        path = [str(self._root)]
        if self._job.system == "quix":
            path = [*quixstreams_install.paths(), *path]
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "load_tests.systems", msgspec.json.encode(self._job).decode()],
            stdin=self._stdin,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=self._job.state,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        self._timer = threading.Timer(self._limit, self._end)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it."""
        self._timer.cancel()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    def until(self, ready: Callable[[dict[str, int]], bool]) -> None:
        """Wait until what it tells is so.

        Raises:
            Failed: It ended before.
        """
        while not ready(self.told):
            self.check()
            time.sleep(LOOK_SECONDS)

    def finished(self, advance: Callable[[int], None] = lambda done: None) -> dict[str, Any]:
        """Wait for its result.

        Args:
            advance: Told how many events are done.

        Raises:
            Failed: It stopped early or did not end.
        """
        while self.result is None:
            advance(self.told["done"])
            self.check()
            time.sleep(LOOK_SECONDS)
        return self.result

    def check(self) -> None:
        """Do nothing while it runs, or has told its result.

        Raises:
            Failed: It has ended without; with the last line it wrote.
        """
        if self._process.poll() is None or self.result is not None:
            return
        self._reader.join()  # what it told at last
        if self.result is None:
            self._log.seek(0)
            last = (self._log.read().strip().splitlines() or ["it printed nothing"])[-1]
            how = f"did not end within {self._limit:.0f} s" if self._late else "stopped early"
            raise Failed(f"{self._job.system} {how}: {last}")

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "seconds" in message:
                self.result = message
            else:
                self.told = self.told | message

    def _end(self) -> None:
        self._late = True
        self._process.kill()
