"""`journeys evaluate`: one module of this package per sub-command, loaded when asked for."""

import click

from streams.cli.commands import Commands, examples


@click.group(
    cls=Commands,
    package=__name__,
    summaries={
        "extraction": "How well journeys are found, beside other clusterers.",
        "naming": "How well journeys are named.",
        "marks": "What readers of a page of names marked.",
    },
    epilog=examples("journeys evaluate extraction --data FOLDER --quick"),
)
def command() -> None:
    """Measure how well journeys are found and named, on local data."""
