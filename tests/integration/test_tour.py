"""`streams/cli/README.md`: a newcomer's first ten minutes, each command as it stands there."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Final

import pytest

from streams.demo.broker import EmbeddedBroker, free_port
from tests.support.processes import start

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "streams" / "cli" / "README.md"
BLOCK: Final = re.compile(
    r"(?:<!-- tour: (?P<by>\S+) runs it -->\n)?```(?P<kind>bash|python)\n(?P<code>.*?)\n```\n", re.S
)
PORTS: Final = {"worker": 6066, "namer": 6067, "intake": 6068, "monitor": 6069}
MARK: Final = "--- block"


def blocks() -> list[re.Match[str]]:
    return list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))


def script(broker: str) -> str:
    """The page as one script; what differs from machine to machine is the broker and free ports."""
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p)' EXIT"]
    for number, block in enumerate(blocks()):
        lines.append(f"echo {MARK} {number}")
        if block["by"]:
            continue
        code = block["code"]
        lines.append(f"python3 - <<'BLOCK'\n{code}\nBLOCK" if block["kind"] == "python" else code)
    text = "\n".join(lines).replace("localhost:29092", broker)
    for service, port in PORTS.items():
        free = str(free_port())
        text = text.replace(f"journeys {service} &", f"journeys {service} --web-port {free} &")
        text = text.replace(f":{port}", f":{free}")
    return text + "\n"


def test_what_others_run_they_do_run() -> None:
    by = {block["by"]: block["code"] for block in blocks() if block["by"]}
    assert by.keys() == {".ci/run", "tests/integration/test_demo.py"}
    assert by["tests/integration/test_demo.py"] == "journeys demo --once"
    for command in by[".ci/run"].removesuffix(".").split(" && "):
        assert command in (ROOT / ".ci" / "run").read_text()


@pytest.mark.broker
def test_from_nothing_to_journeys_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with EmbeddedBroker() as broker, (tmp_path / "out").open("wb") as out:
        process = start(
            ["bash", "-c", script(broker.address)],
            cwd=tmp_path,
            stdout=out,
            stderr=out,
            env=os.environ | {"JOURNEYS_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"},
            start_new_session=True,
        )
        try:
            code = process.wait(270)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    text = (tmp_path / "out").read_text()
    assert code == 0, text[-4_000:]
    told = [part.partition("\n")[2] for part in text.split(MARK)[1:]]

    def of(command: str) -> str:
        """What the block with a command has written."""
        (number,) = [n for n, block in enumerate(blocks()) if command in block["code"]]
        return told[number]

    assert 'item_id = "page.id"' in of("--write mapping.toml")
    assert "5 events: 3 activity, 1 missing, 1 bad_time" in of("--write mapping.toml")
    assert "3,669 activities of 24 users" in of("journeys replay events.jsonl")
    assert "ready" in of("journeys worker &")
    looked = of("journeys show elif")
    assert len(re.findall(r"^2024-\d\d-\d\d  elif ", looked, re.M)) == 5
    journeys = json.loads(next(line for line in looked.splitlines() if line.startswith("[")))
    assert {one["stage"] for one in journeys} <= {"active", "dormant", "ended"}
    printed = of("consumer_timeout_ms").splitlines()
    replayed = [json.loads(one) for one in (tmp_path / "changes.jsonl").read_text().splitlines()]
    known = {(one["time"], one["subject"], one["type"]) for one in replayed}
    assert len(printed) >= 5
    for line in printed:
        time, user, kind, name = line.split(" ", 3)
        assert (time, user, kind) in known
        assert name
    refused = of("journeys rejects list")
    assert "missing" in refused
    assert "bad_time" in refused
