"""Where the evaluation data lies: outside of the repository, and not on every machine."""

import os
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "JOURNEYS_TEST_DATA"
ROOT: Final = Path(__file__).parents[2]

# Read when this is imported: the tests themselves run in an environment without such variables.
FOLDER: Final = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "data")


def evaluation_data(name: str) -> Path:
    """A folder of the evaluation data; without it the test is skipped, and says why."""
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(f"no evaluation data at {folder} ({VARIABLE} names its folder)")
    return folder
