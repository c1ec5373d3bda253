"""`journeys evaluate naming`: how well journeys are named, on local data."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.table import Table

from models.errors import SettingsError
from streams.cli.commands import examples
from streams.cli.extras import need_extra
from streams.cli.options import with_settings
from streams.cli.paths import NAMED_GROUPS, OUTPUT, data_option
from streams.cli.progress import bars
from streams.settings import Settings

if TYPE_CHECKING:
    from models.evaluation.naming.experiment import Row

WIDTH: Final = 120  # of the table in files and pipes
EXAMPLES: Final = 40  # journeys on the page

_COLUMNS: Final = {
    "named": "own",
    "retrieval": "retrieval",
    "seen": "seen",
    "cosine": "cosine",
    "BLEU": "bleu",
    "chrF": "chrf",
    "well-formed": "well_formed",
    "distinct": "distinct",
}


@click.command(
    epilog=examples(
        "journeys evaluate naming --data FOLDER",
        "journeys evaluate naming --data FOLDER --vllm-url http://vllm:8000 --adapter names "
        "--soft-prompt tuned/prompt",
        "journeys evaluate naming --data FOLDER --vllm-url http://vllm:8000 --examples names.md",
    )
)
@data_option(NAMED_GROUPS, "those that `tune` learns from are not judged on")
@click.option(
    "--each",
    type=click.IntRange(1),
    default=48,
    show_default=True,
    help="journeys of each kind (lists, subreddits)",
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
@click.option("--examples", "page_to", type=OUTPUT, help="write a page of examples (Markdown)")
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
    each: int,
    fewer: int,
    adapter: str | None,
    soft_prompt: Path | None,
    json_to: Path | None,
    plot_to: Path | None,
    page_to: Path | None,
) -> None:
    """Name groups of titles that people have named, and compare.

    Keywords need no server. With --vllm-url, few-shot prompting is judged beside them, and with
    --soft-prompt and --adapter what was tuned. A name that the guard refuses is not shown: the
    keywords are, and judged, as a user would see them.
    """
    need_extra("evaluate", "sacrebleu", *(["matplotlib"] if plot_to else []))
    from models.datasets import named_groups
    from models.encoders.encoder import Encoder
    from models.evaluation.naming import cases, experiment, pages

    if plot_to:
        from models.evaluation.extraction.plot import check_format
        from models.evaluation.naming import plot

        check_format(plot_to)
    if (adapter or soft_prompt) and settings.vllm_url is None:
        raise SettingsError("--adapter and --soft-prompt need a server: --vllm-url")
    encoder = Encoder.open(settings.encoder, threads=settings.encoder_threads)
    users = cases.users(named_groups.read(data, "odd"), each, encoder.encode)
    if not users:
        raise SettingsError(f"{data}: no groups to judge on")
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

        rows = asyncio.run(experiment.evaluate(users, fewer, server, encoder, begin))
    _show(rows)
    if json_to:
        json_to.write_text(json.dumps(pages.numbers(rows), indent=1, ensure_ascii=False))
    if page_to:
        page_to.write_text(pages.page(rows, encoder, EXAMPLES))
    if plot_to:
        plot.plot(rows, plot_to)


def _show(rows: "Sequence[Row]") -> None:
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
    console.print(
        "named: by the method; else a user sees the keywords. retrieval: a name of the "
        "method picks its journey among 20 of its kind. seen: what a user sees does.",
        style="dim",
        highlight=False,
    )


def _number(value: float) -> str:
    return f"{value:.1f}" if value > 1 else f"{value:.3f}"
