"""A log in JSON."""

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from streams.service import logs
from streams.settings import Settings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level, hook = logging.root.handlers[:], logging.root.level, sys.excepthook
    yield
    logging.root.handlers[:], logging.root.level, sys.excepthook = handlers, level, hook
    logging.captureWarnings(False)


def test_a_record_has_its_error_and_what_else_it_was_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.start(Settings.load(log_format="json"))
    try:
        raise ValueError("ünder way")
    except ValueError:
        logging.getLogger("a.b").exception("a %s", "batch", extra={"partition": 3})
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["level"], found["logger"], found["message"]) == ("ERROR", "a.b", "a batch")
    assert found["partition"] == 3
    assert found["exception"].endswith("ValueError: ünder way")


def test_what_cannot_be_json_is_written_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(Settings.load(log_format="json"))
    logging.warning("it", extra={"what": object()})
    assert "<object object" in json.loads(capsys.readouterr().err)["what"]


def test_a_warning_is_a_record_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(Settings.load(log_format="json"))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    assert "soon gone" in json.loads(capsys.readouterr().err)["message"]


def test_a_traceback_that_nobody_caught_is_one_object() -> None:
    code = (
        "from streams.service import logs; from streams.settings import Settings;"
        "logs.start(Settings.load(log_format='json')); 1 / 0"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["exception"].endswith("ZeroDivisionError: division by zero")


def test_for_people_it_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.start(Settings.load())
    logging.getLogger("a").warning("here")
    assert capsys.readouterr().err.endswith("WARNING a: here\n")
