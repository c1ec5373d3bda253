"""The `journeys` command: one module of this package per sub-command, loaded when asked for."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import click
from click.exceptions import NoArgsIsHelpError

from models.errors import JourneysError, Rejected, SettingsError

# The whole list stands here, so that `journeys --help` imports no command: that takes 0.1 s.
COMMANDS: Final = {
    "demo": "Run everything on a sample, on an embedded broker.",
    "replay": "Run the engine alone over a file: activities in, changes out.",
    "worker": "Run the worker: activity-events in, journey-changes out.",
    "namer": "Run the namer: names journeys by a vLLM server.",
    "topics": "Make the Kafka topics, or see what is in them.",
    "produce": "Send activities from a file to activity-events.",
    "backfill": "Send a history to activity-events, then what the live topic holds.",
    "rejects": "See what was rejected, or send it again.",
    "watch": "Print journey changes as they come.",
    "evaluate": "Measure how well journeys are found and named.",
    "tune": "Train the naming model.",
    "settings": "Print every setting as a Markdown table.",
}

INTERRUPTED: Final = 130  # what a shell reports for Ctrl-C


class Commands(click.Group):
    """Loads commands by name; turns every expected error into one line and an exit code.

    Exit codes: 0 done, 1 failed, 2 wrong usage, setting or input, 130 interrupted.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of those that are built, in the order of the help."""
        return [name for name in COMMANDS if find_spec(f"{__name__}.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The module's `command`, or None for a name that is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, report and exit."""
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except click.Abort:
            sys.exit(INTERRUPTED)
        except NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)  # usage errors know their command
            hint = f" (see {context.command_path} --help)" if context else ""
            _fail(error.format_message() + hint, error.exit_code)
        except JourneysError as error:
            _fail(str(error), 2 if isinstance(error, SettingsError | Rejected) else 1)
        except OSError as error:  # a broken pipe is not among these: click ends it quietly
            _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> None:
    click.echo(f"journeys: {' '.join(message.split())}", err=True)
    sys.exit(code)


def examples(*lines: str) -> str:
    """The end of a command's help: lines to copy."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("journeys demo --once", "journeys worker --broker kafka:9092"),
)
@click.version_option(package_name="interest-journeys")
def main() -> None:
    """Live, named interest journeys from each user's activity. Kafka in, Kafka out."""
