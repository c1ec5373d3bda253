"""Processes that a test starts and that must not outlive it, however it ends."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from streams.demo.children import environment
from streams.settings import Settings

_started: list[subprocess.Popen[Any]] = []


def start(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """Start a process that ends with the test at the latest.

    Args:
        command: The program and its arguments.
        options: As for `subprocess.Popen`.
    """
    process = subprocess.Popen(command, **options)
    _started.append(process)
    return process


def journeys(
    settings: Settings, *arguments: object, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        settings: Given by its environment.
        arguments: The command and what belongs to it.
        timeout: Seconds that it may take.
    """
    return subprocess.run(
        [sys.executable, "-P", "-m", "streams.cli", *map(str, arguments)],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def replayed(
    *arguments: object, given: bytes | None = None, timeout: float = 120
) -> tuple[int, bytes, str]:
    """Run `journeys replay` as a user does: its exit code, and what it wrote.

    Args:
        arguments: What belongs to it.
        given: On standard input.
        timeout: Seconds that it may take.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "streams.cli", "replay", *map(str, arguments)],
        input=given,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@contextmanager
def all_ended() -> Iterator[None]:
    """What is started in the block is killed at its end if it still runs, reaped, its pipes closed.

    One that is left would be a warning in whichever test comes when it is found.
    """
    before = len(_started)
    try:
        yield
    finally:
        for process in _started[before:]:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # of what it was still to be told
                        pipe.close()
        del _started[before:]
