"""`journeys tune prompt`: a soft prompt for the naming model."""

from typing import Any

import click

from streams.cli.commands import examples
from streams.cli.tune.naming import options, train


@click.command(
    epilog=examples(
        "journeys tune prompt --model SERVED --data FOLDER --out tuned/prompt",
        "JOURNEYS_NAMING_PROMPT=tuned/prompt journeys namer --vllm-url http://vllm:8000",
    )
)
@click.option(
    "--length",
    type=click.IntRange(1, 200),
    default=20,
    show_default=True,
    help="tokens of the soft prompt",
)
@options(steps=130, size=4)
def command(**given: Any) -> None:
    """Learn a soft prompt; the namer sends it with each question (vLLM's prompt embeddings).

    The server must be started with --enable-prompt-embeds. A run that is interrupted goes on when
    the same command is given again.
    """
    train("prompt", **given)
