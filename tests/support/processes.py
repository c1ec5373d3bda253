"""Processes that a test starts and that must not outlive it, however it ends."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

Text = TypeVar("Text", str, bytes)


@contextmanager
def ended(process: subprocess.Popen[Text]) -> Iterator[subprocess.Popen[Text]]:
    """The process; killed at the end of the block if it still runs, reaped, its pipes closed."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):  # of what it was still to be told
                    pipe.close()
