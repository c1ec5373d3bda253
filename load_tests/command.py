"""How every load test is started: options, a broker, what it writes, one line on failure."""

import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.box import MARKDOWN
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from load_tests import workload
from models.errors import JourneysError
from streams.cli.paths import OUTPUT
from streams.cli.progress import bars
from tests.support import brokers

PAPER_WIDTH = 110  # of a line, where the output is no terminal's
MARKDOWN_WIDTH = 400  # of a line: tables are not broken

broker_option = click.option(
    "--broker",
    default="embedded",
    show_default=True,
    help="embedded, kafka (its jars are fetched by Maven once), or host:port",
)
json_option = click.option("--json", "json_to", type=OUTPUT, help="write the numbers there")
markdown_option = click.option(
    "--markdown", "markdown_to", type=OUTPUT, help="write the tables there"
)
plot_option = click.option(
    "--plot", "plot_to", type=OUTPUT, help="draw it there (.png, .svg or .pdf; extra `load`)"
)


def workload_option(default: str) -> Callable[[Any], Any]:
    """The option that names a workload."""
    return click.option(
        "--workload",
        "name",
        type=click.Choice(workload.names()),
        default=default,
        show_default=True,
        help="a file of load_tests/workloads",
    )


@contextmanager
def serve(broker: str, folder: Path) -> Iterator[str]:
    """The address of the broker that was asked for; ours runs while the block does."""
    if ":" in broker:
        yield broker
        return
    if broker == "kafka":
        brokers.fetch_kafka()
    elif broker != "embedded":
        raise click.BadParameter("embedded, kafka or host:port", param_hint="--broker")
    with brokers.serve(broker, folder) as address:
        yield address


@contextmanager
def set_up(broker: str, console: Console) -> Iterator[tuple[Path, str, Progress]]:
    """What a load test runs in: a folder that goes with it, a broker's address, bars."""
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        serve(broker, Path(folder)) as address,
        bars(console) as progress,
    ):
        yield Path(folder), address, progress


def paper() -> Console:
    """Where a load test prints."""
    return Console(width=None if sys.stdout.isatty() else PAPER_WIDTH)


def tell(
    blocks: Sequence[Table | str],
    numbers: dict[str, Any],
    console: Console,
    json_to: Path | None = None,
    markdown_to: Path | None = None,
) -> None:
    """Print tables and lines, and write them and their numbers where somebody wants them."""
    for block in blocks:
        console.print(block, highlight=False)
    save(numbers, json_to)
    if markdown_to:
        markdown_to.write_text(_markdown(blocks), encoding="utf-8")


def _markdown(blocks: Sequence[Table | str]) -> str:
    page = Console(file=io.StringIO(), width=MARKDOWN_WIDTH, color_system=None)
    with page.capture() as captured:
        for block in blocks:
            if isinstance(block, Table):
                page.print(f"**{block.title}**", highlight=False)
                block.title, block.box = None, MARKDOWN
            page.print(block, highlight=False, soft_wrap=True)
            page.print()
    text = "\n".join(line.rstrip() for line in captured.get().splitlines())
    return re.sub("\n{3,}", "\n\n", text).strip() + "\n"


def save(numbers: dict[str, Any], path: Path | None) -> None:
    """Write the numbers as JSON, if somebody wants them."""
    if path:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1) + b"\n")


def start(main: Callable[[], None]) -> None:
    """Run a command; an expected error is one line."""
    try:
        main()
    except JourneysError as error:
        raise SystemExit(f"load_tests: {error}") from None
