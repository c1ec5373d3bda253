"""The group that loads its commands when they are asked for, and what ends every command.

`journeys --help` must not wait for what the commands import, so their names and one line of help
each stand in the group's list.
"""

import _thread
import os
import signal
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from types import FrameType
from typing import Any, Final, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from models.errors import JourneysError, Rejected, SettingsError

INTERRUPTED: Final = 130  # what a shell reports for Ctrl-C
GRACE_SECONDS: Final = 10.0  # from Ctrl-C to the end, whatever is still being closed


class Commands(click.Group):
    """Loads commands by name; turns every expected error into one line and an exit code.

    Exit codes: 0 done, 1 failed, 2 wrong usage, setting or input, 130 interrupted.

    Args:
        package: Holds a module with a `command` for each name.
        summaries: By name, the line of help; in the order of the help.
        options: As for `click.Group`.
    """

    def __init__(
        self, *args: Any, package: str, summaries: Mapping[str, str], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._package = package
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(self._summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The module's `command`, or None for a name that is none."""
        if cmd_name not in self._summaries:
            return None
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run, report and exit."""
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, _interrupt)
        try:
            self._run(args, extra)
        finally:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    def _run(self, args: tuple[Any, ...], extra: dict[str, Any]) -> NoReturn:
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


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    """Ctrl-C, with a bound.

    It may be swallowed, where Python ignores what is raised; it may leave a lock taken for which
    the end then waits (coverage's tracer has one); and a client of the broker may wait for an
    answer while it is closed.
    """
    # Not a `threading.Timer`: to start one takes a lock that what was interrupted may hold.
    _thread.start_new_thread(_give_up, ())
    raise KeyboardInterrupt


def _give_up() -> NoReturn:
    time.sleep(GRACE_SECONDS)
    os._exit(INTERRUPTED)


def _fail(message: str, code: int) -> None:
    from streams.service.logs import fail  # what it needs takes a moment: not for --help

    fail(message)
    sys.exit(code)


def examples(*lines: str) -> str:
    """The end of a command's help: lines to copy."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
