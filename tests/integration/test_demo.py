"""`journeys demo` as a new user runs it, with everything that belongs to it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.processes import start
from tests.support.vllm_stub import Stub
from tests.support.workers import until

DEMO = [sys.executable, "-m", "streams.cli", "demo"]
CHANGE = re.compile(
    r"(\d{4}-\d\d-\d\d)  (\w+) +"
    r"(started|named|shifted|merged|dormant|resumed|ended) "
)
JOURNEY = re.compile(
    r"(\w+)  +(\S.*?)  +(active|dormant|ended|merged)  +(\d{4}-\d\d-\d\d)  "
    r"(\d of 6 windows, \d+ activities, \d+% sure) +(\S.+)"
)

pytestmark = pytest.mark.broker


def left_behind(folder: Path) -> list[Path | bytes]:
    """What a demo that used this folder for temporary files has left: files and processes."""
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if (
            f"TMPDIR={folder}\0".encode() in environment
            and b"Z (zombie)" not in (process / "status").read_bytes()
        ):
            processes.append((process / "cmdline").read_bytes())
    return [*folder.iterdir(), *processes]


def test_once_shows_every_change_and_each_users_journeys_and_ends(tmp_path: Path) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [*DEMO, "--once"],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert time.monotonic() - began < 180
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout)  # piped: no control codes
    lines = done.stdout.splitlines()
    journeys = [found.groups() for line in lines if (found := JOURNEY.fullmatch(line))]
    assert len(journeys) >= 20
    assert len({user for user, *_ in journeys}) >= 20
    changes = [found.groups() for line in lines if (found := CHANGE.match(line))]
    kinds = [kind for _, _, kind in changes]
    assert kinds.count("started") == kinds.count("named") == len(journeys)
    assert {"dormant", "resumed"} <= set(kinds)
    assert f"{len(changes)} changes, the same as `journeys replay` gives with no broker" in lines
    assert left_behind(tmp_path) == []


async def test_names_come_from_the_language_model_when_there_is_one(tmp_path: Path) -> None:
    stub = await Stub().start()
    try:
        process = await asyncio.create_subprocess_exec(
            *DEMO,
            "--once",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "JOURNEYS_VLLM_URL": stub.url, "TMPDIR": str(tmp_path)},
        )
        out, err = await asyncio.wait_for(process.communicate(), 180)
    finally:
        await stub.stop()
    assert process.returncode == 0
    assert err == b""
    assert re.search(r"^\d\d+ journeys named by the language model", out.decode(), re.M)
    assert "by llm" in out.decode()


def shown(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return b"Interest journeys" in answer.read()
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_when_it_is_stopped_nothing_is_left_behind(number: signal.Signals, tmp_path: Path) -> None:
    process = start(
        DEMO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    for line in process.stdout:  # children run, the worker is about to join
        if "open the page" in line:
            url = line.split()[-1]
        if "send it more" in line:
            break
    until(lambda: shown(url), "the page is there")
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    # Interrupted where code is made of text (a named tuple, what numba compiles), Python 3.11 ends
    # itself by the signal once all is cleaned up: 130 to a shell, too.
    assert process.returncode in (130, 143, -signal.SIGINT)
    assert "Traceback" not in err
    assert left_behind(tmp_path) == []


def test_a_child_that_fails_is_one_clear_line(tmp_path: Path) -> None:
    broken = {**os.environ, "TMPDIR": str(tmp_path), "JOURNEYS_ENCODER": "/no/such/folder"}
    done = subprocess.run(
        [*DEMO, "--once"], capture_output=True, text=True, timeout=60, env=broken, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "/no/such/folder" in done.stderr
    assert left_behind(tmp_path) == []
