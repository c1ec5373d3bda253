"""Files that commands write, and folders of data that they read."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click


class OutputFile(click.Path):
    """A file to write, in a folder that exists: found out before a long run, not after it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.parent.is_dir():
            self.fail(f"{path}: its folder does not exist", param, ctx)
        return path


OUTPUT: Final = OutputFile()

# JSON lines or a JSON array, CSV or Parquet, compressed or not: `streams.files` finds out.
INPUT_FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True)

input_files = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=INPUT_FILE)

sort_flag = click.option(
    "--sort",
    is_flag=True,
    help="read all of it first, then take it by event time (what does not fit into 256 MiB waits "
    "on the disk)",
)

stored_vectors_flag = click.option(
    "--stored-vectors",
    is_flag=True,
    help="take the vectors that a worker keeps in --data-dir, and keep new ones there, too",
)

COLLECTIONS: Final = (
    "a folder of collections of activities (each a folder with activities.jsonl and truth.csv, "
    "gzipped or not)"
)
NAMED_GROUPS: Final = (
    "a folder of groups of titles that people named (sections.jsonl.gz, subreddits.jsonl.gz)"
)
PEOPLE: Final = "a folder of people's activities with topics (activities.jsonl.gz, topics.csv.gz)"


class DataFolder(click.ParamType):
    """A folder of data that is not part of this package.

    Args:
        wanted: What must be in it, for whoever does not name one, or a wrong one.
    """

    name = "folder"

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        path = Path(value)
        if not path.is_dir():
            self.fail(f"{path}: no such folder; wanted is {self._wanted}", param, ctx)
        return path

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """What click says besides that the option is missing."""
        return f"Wanted is {self._wanted}."


def data_option(wanted: str, use: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--data FOLDER`, without which the command does not run.

    Args:
        wanted: What must be in the folder.
        use: What else the help says of it.
    """
    return click.option(
        "--data",
        type=DataFolder(wanted),
        metavar="FOLDER",
        required=True,
        help=f"{wanted}{f'; {use}' if use else ''}",
    )
