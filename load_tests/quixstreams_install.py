"""Where Quix Streams is imported from: the extra `load`, or a folder of its own.

It wants older versions of packages that the lock file pins, so it does not go into a locked
environment: it is then put, with all that it needs, into a folder that its process finds first.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from models.errors import JourneysError

VERSION = "3.28.1"
FOLDER = Path.home() / ".cache" / "journeys-load" / f"quixstreams-{VERSION}"


def paths() -> list[str]:
    """What must stand first on the path of its process; `fetch` it before."""
    return [] if find_spec("quixstreams") else [str(FOLDER)]


def fetch() -> None:
    """Have it ready.

    Raises:
        JourneysError: It cannot be installed.
    """
    if find_spec("quixstreams") or FOLDER.is_dir():
        return
    work = FOLDER.with_suffix(".new")
    pip = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--upgrade",
            "--target",
            str(work),
            f"quixstreams=={VERSION}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode:
        last = (pip.stderr.strip().splitlines() or ["no output"])[-1]
        raise JourneysError(f"Quix Streams cannot be installed (extra `load`): {last}")
    if not FOLDER.is_dir():  # renamed when complete, so that a broken install is not used
        work.rename(FOLDER)
