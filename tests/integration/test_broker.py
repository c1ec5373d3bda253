"""The embedded broker leaves nothing behind, and says what it misses."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import BrokerError
from streams.demo.broker import EmbeddedBroker
from tests.support.processes import start


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_run_side_by_side_and_both_are_gone_after_their_blocks() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.address != other.address
        assert running(one.pid)
        assert running(other.pid)
    assert not running(one.pid)
    assert not running(other.pid)


@pytest.mark.fault
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_dies_with_a_killed_parent() -> None:
    code = (
        "import time\nfrom streams.demo.broker import EmbeddedBroker\n"
        "with EmbeddedBroker() as broker:\n print(broker.pid, flush=True); time.sleep(60)"
    )
    parent = start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert running(pid)
    parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(pid)


def test_a_missing_or_broken_binary_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "gone"))
    with pytest.raises(BrokerError, match="missing"), EmbeddedBroker():
        pass
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no memory left >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", os.fspath(broken))
    with pytest.raises(BrokerError, match="does not start: no memory left"), EmbeddedBroker():
        pass
