"""How a process writes its log: lines for people, or a JSON object a line for what collects them.

An object has `time` (RFC 3339, UTC), `level`, `logger` and `message`, `exception` where there was
one, and whatever else the record was given. In JSON everything that ends up on stderr is one: the
last word of a command that failed, warnings, and a traceback that nobody caught.
"""

import logging
import logging.config
import os
import sys
from types import TracebackType
from typing import Any, Final

import click

from streams.settings import Settings
from streams.settings.sources import PREFIX

_log = logging.getLogger("journeys")

_FORMATTERS: Final = {
    "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
    "json": {
        "()": "pythonjsonlogger.msgspec.MsgspecFormatter",
        "fmt": "%(levelname)s %(name)s %(message)s",
        "timestamp": "time",
        "rename_fields": {"levelname": "level", "name": "logger", "exc_info": "exception"},
    },
}


def configuration(level: str, form: str) -> dict[str, Any]:
    """As `logging.config.dictConfig` takes it; Faust, which sets up logging too, is given the same.

    Args:
        level: The least that is written.
        form: `text` or `json`.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"ours": _FORMATTERS[form]},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"level": level.upper(), "handlers": ["stderr"]},
    }


def start(settings: Settings) -> None:
    """Write the log of this process as the settings say."""
    _start(settings.log_level, settings.log_format)


def fail(message: str) -> None:
    """The last word of a command: a line on stderr, or of the log where that is JSON."""
    line = " ".join(message.split())
    if _is_json():
        _log.error(line)
    elif os.environ.get(f"{PREFIX}LOG_FORMAT") == "json":  # settings that could not be read
        _start("error", "json")
        _log.error(line)
    else:
        click.echo(f"journeys: {line}", err=True)


def _start(level: str, form: str) -> None:
    logging.config.dictConfig(configuration(level, form))
    if level in ("warning", "error"):
        # It logs every refused connection; what matters of that reaches the user as an error.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)
    if form == "json":
        logging.captureWarnings(True)
        sys.excepthook = _uncaught


def _is_json() -> bool:
    from pythonjsonlogger.core import BaseJsonFormatter  # not for commands that only succeed

    return any(
        isinstance(handler.formatter, BaseJsonFormatter) for handler in logging.root.handlers
    )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("ended by %s", kind.__name__, exc_info=(kind, error, trace))
