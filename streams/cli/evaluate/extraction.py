"""`journeys evaluate extraction`: how well journeys are found, on local data."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.progress import Progress

from models.errors import SettingsError
from streams.cli.commands import examples
from streams.cli.extras import need_extra
from streams.cli.options import with_settings
from streams.cli.paths import COLLECTIONS, OUTPUT, data_option, stored_vectors_flag
from streams.cli.progress import bar, bars
from streams.settings import Settings

if TYPE_CHECKING:
    from models.datasets.people import Encode
    from models.encoders.cache import VectorCache
    from models.evaluation.extraction.experiment import Result
    from models.vectors import Vectors

ENCODED_AT_ONCE: Final = 1_024  # titles between two steps of the progress bar


@click.command(
    epilog=examples(
        "journeys evaluate extraction --data FOLDER --quick",
        "journeys evaluate extraction --data FOLDER --users all --json all.json --plot all.png",
        "journeys evaluate extraction --data FOLDER --collections my_users --users all",
    )
)
@data_option(COLLECTIONS, "which may also hold topics/, names/ and clinc150/")
@click.option(
    "--collections",
    "names",
    metavar="NAME,…",
    help="which ones; default all. Besides "
    "the folders: invented (people on posts of topics/), mixed (pairs of lists of "
    "names/), texts (short texts of clinc150/ and topics/); folders with topics.csv.gz in place of "
    "truth.csv are judged by pairs of activities",
)
@click.option(
    "--users",
    type=click.Choice(["even", "odd", "all"]),
    default="odd",
    show_default=True,
    help="which half of the people, and of the topics that others are "
    "invented from; the engine's defaults were chosen on the even one",
)
@click.option(
    "--text/--no-text",
    "texts",
    default=True,
    show_default=True,
    help="whether the text of activities that have one is encoded with the title",
)
@click.option("--json", "json_to", type=OUTPUT, help="write the numbers")
@click.option("--plot", "plot_to", type=OUTPUT, help="write a picture of them (.png, .svg, .pdf)")
@click.option("--quick", is_flag=True, help="few people: a minute, and rougher numbers")
@stored_vectors_flag
@with_settings(
    "encoder",
    "encoder_threads",
    "encoder_batch",
    "stored_vectors_mb",
    "data_dir",
    "window_days",
    "promote_windows",
    "history_windows",
    "promote_activities",
    "repeated_items",
    "max_clusters",
)
def command(
    settings: Settings,
    data: Path,
    names: str | None,
    users: Any,
    texts: bool,
    json_to: Path | None,
    plot_to: Path | None,
    quick: bool,
    stored_vectors: bool,
) -> None:
    """Find journeys where the true ones are known, and count what was found.

    The engine runs with its settings. The other methods get the same vectors (TextClust reads
    titles and texts), the same promotion rule, and of several thresholds the one that suits them
    best on these very people.
    """
    need_extra("evaluate", "sklearn", "scipy", *(["matplotlib"] if plot_to else []))
    from threadpoolctl import threadpool_limits

    from models.encoders.cache import VectorCache
    from models.evaluation.extraction import experiment, report, several
    from streams.cli.evaluate import tables
    from streams.encoding import encoder_of
    from streams.state import vectors

    if plot_to:
        from models.evaluation.extraction import plot

        plot.check_format(plot_to)
    by_pairs = several.available(data)
    wanted = _wanted(names, [*experiment.available(data), *by_pairs])
    encoder = encoder_of(settings)
    kept = vectors.stored_vectors(settings, encoder) if stored_vectors else None
    cache = VectorCache(encoder, 0, kept)  # each title is asked for once
    params, sizes = (settings.engine(encoder), experiment.QUICK if quick else experiment.FULL)
    results: list[Result] = []
    pairs: dict[str, several.PairScore] = {}
    console = tables.console()
    tables.show_encoder(console, encoder.name)
    with closing(cache), threadpool_limits(1), bars() as progress:
        for name in wanted:
            encode = _encoding(cache, name, progress)
            if name in by_pairs:
                pairs[name] = several.judge(*several.read(data / name, encode, texts=texts), params)
                tables.show_pairs(console, name, pairs[name])
                continue
            for reading, collection in experiment.collections(
                data, name, users, sizes, encode, texts=texts
            ):
                work = experiment.work(collection, reading, sizes)
                with bar(progress, collection.name, work) as tick:
                    results.append(experiment.evaluate(collection, reading, params, sizes, tick))
                tables.show(console, results[-1])
    calibration = report.calibration(results, params)
    tables.show_end(console, calibration)
    if json_to:
        whole = {
            "encoder": encoder.name,
            "users": users,
            "text": texts,
            "quick": quick,
            **report.numbers(results, calibration),
            "pairs": {name: asdict(score) for name, score in pairs.items()},
        }
        json_to.write_text(json.dumps(whole, indent=2) + "\n", "utf-8")
    if plot_to:
        plot.plot(results, calibration, plot_to)


def _wanted(names: str | None, known: Sequence[str]) -> Sequence[str]:
    if names is None:
        return known
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in known:
            raise SettingsError(f"--collections: no {name!r} among {', '.join(known)}")
    return wanted


def _encoding(cache: "VectorCache", name: str, progress: Progress) -> "Encode":
    """The encoder, or what it made before, with a progress bar; each different title once."""
    import numpy as np

    def encoded(titles: Sequence[str]) -> "Vectors":
        unique = list(dict.fromkeys(titles))
        parts = []
        with bar(progress, f"{name}: encoding", len(unique)) as tick:
            for start in range(0, len(unique), ENCODED_AT_ONCE):
                some = [("", title) for title in unique[start : start + ENCODED_AT_ONCE]]
                parts.append(np.stack(cache.fill(some)))
                tick(len(parts[-1]))
        place = {title: i for i, title in enumerate(unique)}
        whole: Vectors = np.concatenate(parts)[[place[title] for title in titles]]
        return whole

    return encoded
