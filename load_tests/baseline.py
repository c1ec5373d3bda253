"""Another commit of this repository, checked out: its systems run over the same log.

What runs is that commit's own `load_tests.systems`, with the packages that are installed here. It
is told the same job (fields that it does not know it ignores) and reports in the same way, which
has not changed since 10bc5a2.
"""

import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from load_tests.process import ROOT
from models.errors import JourneysError

SYSTEMS = ("engine", "worker")


class Baseline(NamedTuple):
    """A commit that is checked out.

    Attributes:
        commit: Short id.
        root: Of its code.
    """

    commit: str
    root: Path

    @property
    def systems(self) -> list[str]:
        """Names of the systems that run at that commit."""
        return [f"{system}@{self.commit}" for system in SYSTEMS]


@contextmanager
def checkout(reference: str, folder: Path) -> Iterator[Baseline]:
    """Check a commit out, in a worktree that goes when the block ends.

    Args:
        reference: Whatever git knows it by.
        folder: Where to.

    Raises:
        JourneysError: Git does not know it, or it has no systems to run.
    """
    commit = _git(
        "rev-parse", "--short=7", "--verify", "--end-of-options", f"{reference}^{{commit}}"
    )
    root = folder / f"at-{commit}"
    _git("worktree", "add", "--detach", "--quiet", str(root), commit)
    try:
        if missing := [s for s in SYSTEMS if not (root / f"load_tests/systems/{s}.py").exists()]:
            raise JourneysError(f"{commit} has no load_tests/systems/{missing[0]}.py")
        _declare(root)
        yield Baseline(commit, root)
    finally:
        _git("worktree", "remove", "--force", str(root))


def _declare(root: Path) -> None:
    """Have its entry points found before those of the commit that is installed.

    Faust finds the transport by one, and it has not always been in the same module.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    info = root / "interest_journeys-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: interest-journeys\nVersion: 0\n")
    lines = [
        line
        for group, points in project.get("entry-points", {}).items()
        for line in (f"[{group}]", *(f"{name} = {where}" for name, where in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise JourneysError(f"git {arguments[0]}: {last}")
    return done.stdout.strip()
