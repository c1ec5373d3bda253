"""`journeys evaluate naming`: how well journeys are named, on local data."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from models.errors import SettingsError
from streams.cli.commands import examples
from streams.cli.extras import need_extra
from streams.cli.options import with_settings
from streams.cli.paths import NAMED_GROUPS, OUTPUT, PEOPLE, DataFolder, data_option
from streams.cli.progress import bars
from streams.settings import Settings

if TYPE_CHECKING:
    from models.evaluation.naming.experiment import Row

WIDTH: Final = 140  # of the table in files and pipes
READ: Final = 60  # journeys on the page

_COLUMNS: Final = {
    "named": "own",
    "unseen": "unseen",
    "±": "error",
    "shown": "shown",
    "fits": "fits",
    "margin": "margin",
    "cosine": "cosine",
    "BLEU": "bleu",
    "chrF": "chrf",
    "fluency": "fluency",
    "well-formed": "well_formed",
    "distinct": "distinct",
}
NOTES: Final = (
    "named: by the method; else a user sees the keywords. unseen: share of unseen titles that are "
    "nearest to their journey's name among those of 20 of its kind, by a judge ({}) that has "
    "chosen no name; ± half its 95 % confidence interval. shown: the same of what a user sees. "
    "fits: of the 20 journeys, those that the name fits as well as its own. margin: cosine to its "
    "own unseen titles less that to the next journey's. cosine, BLEU, chrF: to several human names "
    "where there are. fluency: mean log-probability of its tokens. control: names known to be bad."
)


@click.command(
    epilog=examples(
        "journeys evaluate naming --data FOLDER",
        "journeys evaluate naming --data FOLDER --vllm-url http://vllm:8000 --adapter names "
        "--soft-prompt tuned/prompt",
        "journeys evaluate naming --data names --people stars --naming-weights FOLDER",
        "journeys evaluate naming --data FOLDER --vllm-url http://vllm:8000 --page names.md",
    )
)
@data_option(NAMED_GROUPS, "those that `tune` learns from are not judged on")
@click.option(
    "--people",
    type=DataFolder(PEOPLE),
    metavar="FOLDER",
    help=f"{PEOPLE}; the odd people's journeys are judged on, too",
)
@click.option(
    "--each",
    type=click.IntRange(1),
    default=48,
    show_default=True,
    help="journeys of each kind (lists, subreddits, people)",
)
@click.option(
    "--fewer",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="users (of "
    "four journeys) in the experiments on questions: one answer, input, calls, depth",
)
@click.option("--adapter", metavar="NAME", help="an adapter of `tune lora`, as it is served")
@click.option(
    "--soft-prompt",
    type=click.Path(file_okay=False, path_type=Path),
    help="a folder of `tune prompt`",
)
@click.option("--json", "json_to", type=OUTPUT, help="write the numbers and all names")
@click.option("--plot", "plot_to", type=OUTPUT, help="write a picture (.png, .svg, .pdf)")
@click.option(
    "--page",
    "page_to",
    type=OUTPUT,
    help="write names to be read blind (Markdown), and beside it, .key.json, whose they are: for "
    "`evaluate marks`",
)
@with_settings(
    "encoder",
    "encoder_threads",
    "vllm_url",
    "vllm_model",
    "naming_weights",
    "naming_candidates",
    "naming_concurrency",
    "naming_timeout",
)
def command(
    settings: Settings,
    data: Path,
    people: Path | None,
    each: int,
    fewer: int,
    adapter: str | None,
    soft_prompt: Path | None,
    json_to: Path | None,
    plot_to: Path | None,
    page_to: Path | None,
) -> None:
    """Name groups of titles that people have named, and compare.

    A namer sees a part of the titles; the others judge its names, by an encoder that has chosen
    none. Keywords need no server. With --vllm-url, few-shot prompting is judged beside them, and
    with --soft-prompt and --adapter what was tuned. A name that the guard refuses is not shown:
    the keywords are, as a user would see them. With --naming-weights, that model says how fluent
    names are.
    """
    from models.evaluation.naming import judge

    need_extra("evaluate", "sacrebleu", judge.PACKAGE, *(["matplotlib"] if plot_to else []))
    from models.datasets import named_groups
    from models.encoders.encoder import Encoder
    from models.evaluation.naming import cases, experiment, pages
    from models.evaluation.naming import people as real
    from models.evaluation.naming.fluency import Llama
    from models.evaluation.naming.unseen import Unseen

    if plot_to:
        from models.evaluation.extraction.plot import check_format
        from models.evaluation.naming import plot

        check_format(plot_to)
    if (adapter or soft_prompt) and settings.vllm_url is None:
        raise SettingsError("--adapter and --soft-prompt need a server: --vllm-url")
    llama = None if settings.naming_weights is None else Llama(settings.naming_weights)
    encoder = Encoder.open(settings.encoder, threads=settings.encoder_threads)
    groups = named_groups.read(data, "odd")
    if people:
        groups += real.read(people, encoder.encode, settings.engine(encoder))
    users = cases.users(groups, each, encoder.encode)
    if not users:
        raise SettingsError(f"{data}: no groups to judge on")
    unseen = Unseen(judge.open_judge(settings.encoder_threads))
    server = (
        None
        if settings.vllm_url is None
        else experiment.Server(
            url=settings.vllm_url,
            model=settings.vllm_model,
            adapter=adapter,
            soft_prompt=soft_prompt,
            weights=settings.naming_weights,
            api_key=settings.vllm_api_key.get_secret_value() if settings.vllm_api_key else None,
            candidates=settings.naming_candidates,
            concurrency=settings.naming_concurrency,
            timeout=settings.naming_timeout,
        )
    )
    with bars() as progress:

        def begin(what: str, total: int) -> Callable[[int], None]:
            return partial(progress.advance, progress.add_task(what, total=total))

        rows = asyncio.run(experiment.evaluate(users, fewer, server, encoder, unseen, llama, begin))
    _show(rows, judge.ABOUT["name"])
    if json_to:
        json_to.write_text(json.dumps(pages.numbers(rows), indent=1, ensure_ascii=False))
    if page_to:
        page, key = pages.blind(rows, READ)
        page_to.write_text(page)
        page_to.with_suffix(".key.json").write_bytes(msgspec.json.encode(key))
    if plot_to:
        plot.plot(rows, plot_to)


def _show(rows: "Sequence[Row]", judge: str) -> None:
    shown = Console()
    console = shown if shown.is_terminal else Console(width=WIDTH)
    table = Table(title="Names of held-out groups", title_justify="left", title_style="bold")
    table.add_column("experiment", style="dim", no_wrap=True)
    table.add_column("method", no_wrap=True)
    table.add_column("journeys", justify="right", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for before, row in zip((None, *rows), rows, strict=False):
        if before is not None and before.experiment != row.experiment:
            table.add_section()
        table.add_row(
            row.experiment,
            row.method,
            str(row.score.journeys),
            *(_number(getattr(row.score, field)) for field in _COLUMNS.values()),
        )
    console.print(table)
    console.print(NOTES.format(judge), style="dim", highlight=False)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if value > 1 else f"{value:.3f}"
