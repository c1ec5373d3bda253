"""`journeys tune lora`: an adapter of the naming model."""

from typing import Any

import click

from streams.cli.commands import examples
from streams.cli.tune.naming import options, train


@click.command(
    epilog=examples(
        "journeys tune lora --model SERVED --data FOLDER --out tuned/lora",
        "vllm serve SERVED --enable-lora --lora-modules names=tuned/lora",
        "JOURNEYS_NAMING_PROMPT=plain journeys namer --vllm-url http://vllm:8000 "
        "--vllm-model names",
    )
)
@options(steps=130, size=4)
def command(**given: Any) -> None:
    """Learn an adapter, which vLLM serves by name.

    A run that is interrupted goes on when the same command is given again.
    """
    train("lora", length=0, **given)
