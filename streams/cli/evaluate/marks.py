"""`journeys evaluate marks`: what readers marked on a page of names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from models.errors import JourneysError
from models.evaluation.naming import marks
from streams.cli.commands import examples

PAGE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog=examples(
        "journeys evaluate naming --data FOLDER --page names.md",
        "journeys evaluate marks names.md",
        "journeys evaluate marks --key names.key.json ann.md bob.md",
    )
)
@click.argument("pages", metavar="PAGE...", nargs=-1, required=True, type=PAGE)
@click.option("--key", type=PAGE, help="whose the names are; default: .key.json beside the page")
def command(pages: Sequence[Path], key: Path | None) -> None:
    """Say of each technique which share of its names readers would publish.

    A page is one of `evaluate naming --page` in which a reader has put an x to the names that can
    be published; several pages are several readers of the same one.
    """
    path = key or pages[0].with_suffix(".key.json")
    try:
        known = msgspec.json.decode(path.read_bytes(), type=marks.Key)
    except (OSError, msgspec.MsgspecError) as error:
        raise JourneysError(f"{path}: no key of a page: {error}") from None
    readers = []
    for page in pages:
        try:
            readers.append(marks.read(page.read_text("utf-8"), known))
        except (JourneysError, UnicodeDecodeError) as error:
            raise JourneysError(f"{page}: {error}") from None
    table = Table(title="Names that readers would publish", title_justify="left")
    table.add_column("technique", no_wrap=True)
    for column in ("names", "published", "95 % of such readings"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in marks.told(readers, known):
        interval = f"{row.low:.2f} to {row.high:.2f}"
        table.add_row(row.method, str(row.names), f"{row.published:.2f}", interval)
    console = Console()
    console.print(table)
    read = sum(any(place in reader for reader in readers) for place in range(len(known)))
    console.print(f"{read} of {len(known)} interests read", highlight=False)
    if (kappa := marks.agreement(readers)) is not None:
        console.print(f"agreement of readers (Cohen's kappa): {kappa:.2f}", highlight=False)
