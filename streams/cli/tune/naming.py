"""What `journeys tune lora` and `journeys tune prompt` share.

A run that is interrupted goes on when the same command is given again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from models.errors import SettingsError
from streams.cli.extras import need_extra
from streams.cli.options import with_settings
from streams.cli.paths import NAMED_GROUPS, data_option
from streams.cli.progress import bars
from streams.settings import Settings

if TYPE_CHECKING:
    from models.naming.tuning.base import Method

SHOWN_EVERY: Final = 10  # steps between two lines where there is no terminal


def options(steps: int, size: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of both, with their own defaults."""
    given = (
        click.option(
            "--model",
            required=True,
            metavar="FOLDER",
            help="the model that is served, in the form of transformers; or its hub id",
        ),
        data_option(NAMED_GROUPS, "those that `evaluate naming` judges on are not learned"),
        click.option(
            "--out",
            type=click.Path(file_okay=False, path_type=Path),
            required=True,
            help="folder for the result and the checkpoint",
        ),
        click.option(
            "--steps",
            type=click.IntRange(1),
            default=steps,
            show_default=True,
            help="steps of training",
        ),
        click.option(
            "--size", type=click.IntRange(1), default=size, show_default=True, help="pairs a step"
        ),
        click.option(
            "--rate",
            type=click.FloatRange(0, min_open=True),
            help="of learning; default: one that suits the method",
        ),
        click.option(
            "--every",
            type=click.IntRange(1),
            default=10,
            show_default=True,
            help="steps between checkpoints",
        ),
        click.option(
            "--device",
            default="auto",
            show_default=True,
            help="cpu, cuda, …; auto: a GPU where there is one",
        ),
        click.option("--threads", type=click.IntRange(1), help="of a CPU; default: all"),
    )

    def decorate(run: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(given):
            run = option(run)
        return with_settings("encoder")(run)

    return decorate


def train(
    method: "Method",
    settings: Settings,
    model: str,
    data: Path,
    out: Path,
    steps: int,
    size: int,
    rate: float | None,
    every: int,
    device: str,
    threads: int | None,
    length: int,
) -> None:
    """Learn, and write what was learned."""
    need_extra("tune", "torch", "transformers", "peft")
    import torch

    from models.datasets import named_groups
    from models.encoders.encoder import Encoder
    from models.naming.tuning import artefact, base, batches, training
    from models.naming.tuning.pairs import pairs

    if threads:
        torch.set_num_threads(threads)
    known = pairs(named_groups.read(data, "even"), Encoder.open(settings.encoder))
    if not known:
        raise SettingsError(f"{data}: no group with a name that may be learned")
    plan = training.Plan(method, model, steps, size, rate or base.RATES[method], length)
    torch.manual_seed(plan.seed)
    device = base.chosen_device(device)
    network, tokenizer = base.load(model, method, length, device)
    frame = batches.Frame.of(tokenizer)
    out.mkdir(parents=True, exist_ok=True)
    learning = sum(weight.numel() for weight in base.trained(network).values())
    click.echo(f"{len(known)} pairs; {learning:,} parameters learn, on {device}", err=True)
    with _Bar(steps) as tick:
        training.train(
            network, batches.tokens(known, frame, tokenizer), plan, out, device, every, tick
        )
    for path in artefact.save(network, tokenizer, frame, method, model, out):
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


class _Bar:
    """Shows steps and loss: a bar on a terminal, else a line now and then."""

    def __init__(self, steps: int) -> None:
        self._progress = bars()
        self._task = self._progress.add_task("training", total=steps)
        self._steps = steps
        self._loss: float | None = None

    def __enter__(self) -> Callable[[int, float], None]:
        self._progress.start()
        return self._tick

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def _tick(self, done: int, loss: float) -> None:
        if loss != loss:  # no step yet
            if done:
                click.echo(f"goes on after step {done} of {self._steps}", err=True)
        else:
            # A mean over some steps: single ones jump.
            self._loss = loss if self._loss is None else 0.9 * self._loss + 0.1 * loss
            shown = f"loss {self._loss:.3f}"
            self._progress.update(self._task, description=shown)
            if self._progress.disable and (done % SHOWN_EVERY == 0 or done == self._steps):
                click.echo(f"step {done} of {self._steps}, {shown}", err=True)
        self._progress.update(self._task, completed=done)
