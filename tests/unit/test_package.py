"""What `pip install .` brings, which is what an image has."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_is_installed_has_every_file_that_is_read() -> None:
    """The page's scripts once stayed behind: an editable install does not notice."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]
    for package, globs in patterns.items():
        installed = {path for one in globs for path in (ROOT / package).glob(one)}
        there = {
            path
            for path in (ROOT / package).rglob("*.*")
            if path.is_file()
            and path.suffix != ".py"
            and path.name != "README.md"
            and not {"pictures", "__pycache__"} & set(path.parts)
        }
        assert there <= installed
