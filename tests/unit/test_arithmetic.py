"""Compiled arithmetic is right to the last places, and the same on every processor."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine.arithmetic import fading, log
from tests.unit import engine_life


@settings(deadline=None)  # the first example compiles it
@given(st.floats(1e-300, 1e300))
def test_logarithms_are_right(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=3e-16, abs=3e-16)


@settings(deadline=None)  # the first example compiles it
@given(st.floats(0.0, 1_000.0))
def test_what_fades_is_right(x: float) -> None:
    assert fading(x) == pytest.approx(0.5**x, rel=4e-16)


def test_what_has_faded_for_ever_is_gone() -> None:
    assert fading(1e300) == 0.0
    assert fading(0.0) == 1.0
    assert fading(1.0) == 0.5


def test_the_engine_decides_the_same_whatever_the_processor_can_do(tmp_path: Path) -> None:
    # One without wide registers and fused operations, beside this one.
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    there = subprocess.run(
        [sys.executable, engine_life.__file__],
        env={**os.environ, **plain, "NUMBA_CACHE_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert there.stdout.strip() == engine_life.digest()
