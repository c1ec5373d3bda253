"""`journeys tune`: one module of this package per sub-command, loaded when asked for."""

import click

from streams.cli.commands import Commands, examples


@click.group(
    cls=Commands,
    package=__name__,
    summaries={
        "encoder": "Fit an encoder to titles of yours.",
        "lora": "Learn an adapter of the naming model, which vLLM serves by name.",
        "prompt": "Learn a soft prompt for the naming model; the namer sends it.",
    },
    epilog=examples(
        "journeys tune encoder --titles catalogue.csv --out tuned/encoder",
        "journeys tune lora --model SERVED --data FOLDER --out tuned/lora",
        "journeys tune prompt --model SERVED --data FOLDER --out tuned/prompt",
    ),
)
def command() -> None:
    """Fit the encoder to your titles; train the naming model on titles that people have named."""
