"""`journeys evaluate extraction`: how well journeys are found, on local data."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from models.errors import JourneysError, SettingsError
from streams.cli import examples
from streams.cli.common import with_settings
from streams.settings import Settings

if TYPE_CHECKING:
    from models.datasets.people import Encode
    from models.evaluation.extraction.experiment import Result
    from models.vectors import Vectors

ENCODED_AT_ONCE: Final = 1_024  # titles between two steps of the progress bar

_FILE: Final = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(
    epilog=examples(
        "journeys evaluate extraction --quick",
        "journeys evaluate extraction --users all --json scores.json --plot scores.png",
        "journeys evaluate extraction --data my-data --collections my_users --users all",
    )
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("../shared/data"),
    show_default=True,
    help="folder of the evaluation data; every folder in it with "
    "activities.jsonl and truth.csv (.gz or not) is a collection",
)
@click.option(
    "--collections",
    "names",
    metavar="NAME,…",
    help="which ones; default all. Besides "
    "the folders: invented (people on posts of topics/), mixed (pairs of lists of "
    "names/), texts (short texts of clinc150/ and topics/)",
)
@click.option(
    "--users",
    type=click.Choice(["even", "odd", "all"]),
    default="odd",
    show_default=True,
    help="which half of the people, and of the topics that others are "
    "invented from; the engine's defaults were chosen on the even one",
)
@click.option("--json", "json_to", type=_FILE, help="write the numbers")
@click.option("--plot", "plot_to", type=_FILE, help="write a picture of them (.png, .svg, .pdf)")
@click.option("--quick", is_flag=True, help="few people: a minute, and rougher numbers")
@with_settings(
    "encoder",
    "encoder_threads",
    "encoder_batch",
    "window_days",
    "promote_windows",
    "history_windows",
    "promote_activities",
    "max_clusters",
)
def command(
    settings: Settings,
    data: Path,
    names: str | None,
    users: Any,
    json_to: Path | None,
    plot_to: Path | None,
    quick: bool,
) -> None:
    """Find journeys where the true ones are known, and count what was found.

    The engine runs with its settings. The other methods get the same vectors (TextClust reads the
    titles), the same promotion rule, and of several thresholds the one that suits them best on
    these very people.
    """
    _need_extra("sklearn", "scipy", *(["matplotlib"] if plot_to else []))
    from threadpoolctl import threadpool_limits

    from models.encoders.encoder import Encoder
    from models.evaluation.extraction import experiment, report
    from streams.cli.evaluate import tables

    for path in (json_to, plot_to):
        if path and not path.parent.is_dir():
            raise SettingsError(f"{path}: its folder does not exist")
    if plot_to:
        from models.evaluation.extraction import plot

        plot.check_format(plot_to)
    wanted = _wanted(names, experiment.available(data))
    encoder = Encoder.open(
        settings.encoder, threads=settings.encoder_threads, batch=settings.encoder_batch
    )
    params, sizes = settings.engine(), experiment.QUICK if quick else experiment.FULL
    results: list[Result] = []
    console = tables.console()
    with threadpool_limits(1), _progress() as progress:
        for name in wanted:
            encode = _encoding(encoder.encode, name, progress)
            for reading, collection in experiment.collections(data, name, users, sizes, encode):
                with progress(collection.name, experiment.work(collection, reading, sizes)) as tick:
                    results.append(experiment.evaluate(collection, reading, params, sizes, tick))
                tables.show(console, results[-1])
    calibration = report.calibration(results, params)
    tables.show_end(console, calibration)
    if json_to:
        whole = {
            "encoder": encoder.name,
            "users": users,
            "quick": quick,
            **report.numbers(results, calibration),
        }
        json_to.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")
    if plot_to:
        plot.plot(results, calibration, plot_to)


def _need_extra(*modules: str) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise JourneysError(
            f"{', '.join(missing)} not installed: the evaluation needs the extra "
            "`evaluate` (pip install 'interest-journeys[evaluate]')"
        )


def _wanted(names: str | None, known: Sequence[str]) -> Sequence[str]:
    if names is None:
        return known
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise SettingsError(f"--collections: no {name!r} among {', '.join(known)}")
    return wanted


def _encoding(encode: "Encode", name: str, progress: "_Task") -> "Encode":
    """The encoder with a progress bar, each different title once."""

    def encoded(titles: Sequence[str]) -> "Vectors":
        unique = list(dict.fromkeys(titles))
        parts = []
        with progress(f"{name}: encoding", len(unique)) as tick:
            for start in range(0, len(unique), ENCODED_AT_ONCE):
                parts.append(encode(unique[start : start + ENCODED_AT_ONCE]))
                tick(len(parts[-1]))
        place = {title: i for i, title in enumerate(unique)}
        whole: Vectors = np.concatenate(parts)[[place[title] for title in titles]]
        return whole

    return encoded


_Task = Callable[[str, int], Any]


@contextmanager
def _progress() -> Iterator[_Task]:
    """Progress bars on stderr, none where that is no terminal: (what, of how many) → tick."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:

        @contextmanager
        def task(name: str, total: int) -> Iterator[Callable[[int], None]]:
            number = progress.add_task(name, total=total)
            yield lambda done: progress.advance(number, done)
            progress.remove_task(number)

        yield task
