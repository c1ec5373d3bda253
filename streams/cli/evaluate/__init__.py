"""`journeys evaluate`: one module `evaluate_<name>` of this package per sub-command."""

from importlib import import_module
from importlib.util import find_spec
from typing import Final

import click

from streams.cli import examples

COMMANDS: Final = {
    "extraction": "How well journeys are found, beside other clusterers.",
    "naming": "How well journeys are named.",
}


class _Evaluations(click.Group):
    """Loads sub-commands by name, so that the help of one does not wait for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of those that are built."""
        return [name for name in COMMANDS if find_spec(f"streams.cli.evaluate.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The module's `command`, or None for a name that is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"streams.cli.evaluate.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group(cls=_Evaluations, epilog=examples("journeys evaluate extraction --quick"))
def command() -> None:
    """Measure how well journeys are found and named, on local data."""
