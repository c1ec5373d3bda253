"""`journeys tune encoder`: an encoder fitted to titles of the user's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.activities import MAX_TEXT_CHARS, MAX_TITLE_CHARS
from models.errors import Rejected, SettingsError
from models.records import content_of
from streams.cli.commands import examples
from streams.cli.extras import need_extra
from streams.cli.options import with_settings
from streams.cli.paths import INPUT_FILE
from streams.cli.progress import bar, bars
from streams.files.entries import decoded
from streams.files.inputs import all_batches
from streams.settings import Settings

if TYPE_CHECKING:
    from models.encoders.tuning.tune import Encode, Fitted
    from models.vectors import Vectors

ENCODED_AT_ONCE = 256  # titles between two steps of the progress bar


@click.command(
    epilog=examples(
        "journeys tune encoder --titles catalogue.csv --out tuned/ours",
        "journeys tune encoder --titles posts.jsonl.gz --labels category --encoder FOLDER "
        "--out tuned/ours",
        "JOURNEYS_ENCODER=tuned/ours journeys worker",
    )
)
@click.option(
    "--titles",
    "files",
    type=INPUT_FILE,
    multiple=True,
    required=True,
    help="file of titles: JSON lines or an array, CSV or Parquet, compressed or not; may be given "
    "several times",
)
@click.option(
    "--field", default="title", show_default=True, metavar="NAME", help="field that holds the title"
)
@click.option(
    "--text",
    metavar="NAME",
    help="field that holds what an item says beside its title, where activities carry it",
)
@click.option(
    "--labels",
    metavar="NAME",
    help="field that says what belongs together: a category, a topic, a session",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="folder for the new encoder, which has its name",
)
@with_settings("encoder", "encoder_threads", "encoder_batch")
def command(
    settings: Settings,
    files: tuple[str, ...],
    field: str,
    text: str | None,
    labels: str | None,
    out: Path,
) -> None:
    """Fit an encoder to titles of yours, and write it as a folder of its own.

    Learned are a map, after which interests lie apart, and with labels the engine's scale for the
    vectors that come of it; without labels the scale is that of `best`. What that gained is
    measured on titles (with labels: on whole classes) that nothing was learned from, and printed.
    An encoder that does not ship with this package is of little use before. Vectors of the new
    encoder are another space: start the workers with a fresh group.
    """
    need_extra("encoder", "onnx")
    from models.encoders.tuning import tune
    from streams.encoding import encoder_of

    encoder = encoder_of(settings)
    if out.resolve() == encoder.folder.resolve():
        raise SettingsError(f"--out: {out} is the encoder itself")
    belongs = _titles(files, field, text, labels)
    titles = tune.drawn(list(belongs))
    with bars() as progress:

        def encode(texts: Sequence[str]) -> "Vectors":
            return _encoded(encoder.encode, texts, progress)

        with bar(progress, "fitting", tune.TRIES) as tick:
            fitted = tune.fit(
                encode, encoder.scale, titles, belongs, tick=lambda _done, _best: tick(1)
            )
        made = tune.write(encoder, fitted, out)
    _tell(fitted)
    click.echo(f"{out}  {made.name}, {sum(p.stat().st_size for p in out.iterdir()):,} bytes")


def _titles(
    files: Sequence[str], field: str, text: str | None, labels: str | None
) -> dict[str, str]:
    """The different titles of files with the texts behind them, each with its label, or ""."""
    belongs: dict[str, str] = {}
    rows = with_text = 0
    for _, batch in all_batches(files):
        for row in batch.rows if batch else ():
            if isinstance(row, bytes) and not row.strip():
                continue
            rows += 1
            try:
                value = decoded(row)
            except Rejected:
                continue
            title = value.get(field) if isinstance(value, dict) else None
            if isinstance(title, str) and 0 < len(title.strip()) <= MAX_TITLE_CHARS:
                label = value.get(labels) if labels else None
                more = value.get(text) if text else None
                more = more.strip()[:MAX_TEXT_CHARS].rstrip() if isinstance(more, str) else None
                content = content_of(title.strip(), more)
                belongs[content] = "" if label is None else str(label)
                with_text += more is not None
    if not belongs:
        raise SettingsError(f"--titles: none of {rows:,} rows has a title in its field {field!r}")
    if text and not with_text:
        raise SettingsError(f"--text: none of {rows:,} rows has a text in its field {text!r}")
    if labels and not any(belongs.values()):
        raise SettingsError(f"--labels: none of {rows:,} rows has the field {labels!r}")
    return belongs


def _encoded(encode: "Encode", texts: Sequence[str], progress: Any) -> "Vectors":
    import numpy as np

    parts = [encode([])]
    with bar(progress, "encoding", len(texts)) as tick:
        for start in range(0, len(texts), ENCODED_AT_ONCE):
            parts.append(encode(texts[start : start + ENCODED_AT_ONCE]))
            tick(len(parts[-1]))
    whole: Vectors = np.concatenate(parts)
    return whole


def _tell(fitted: "Fitted") -> None:
    click.echo(f"fitted on {fitted.fitted_on}; on what was held out, before and after:")
    for gain in fitted.gains:
        click.echo(f"  {gain.measure}: {gain.before:.3f}, {gain.after:.3f}")
