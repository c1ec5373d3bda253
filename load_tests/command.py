"""How every load test is started: options, a broker, the file of numbers, one line on failure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from models.errors import JourneysError
from streams.cli.paths import OUTPUT
from tests.support import brokers

broker_option = click.option(
    "--broker",
    default="embedded",
    show_default=True,
    help="embedded, kafka (its jars are fetched by Maven once), or host:port",
)
json_option = click.option("--json", "json_to", type=OUTPUT, help="write the numbers there")


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
