"""Flags made from the settings, the same for flags and environment, and the start of logging."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from pydantic.fields import FieldInfo

from streams.service import logs
from streams.settings import Settings
from streams.settings.sources import PREFIX, is_secret

# What decides over clusters, journeys and what of them is shown, by the log alone.
ENGINE: Final = (
    "window_days",
    "promote_windows",
    "history_windows",
    "promote_activities",
    "repeated_items",
    "dormant_windows",
    "dormancy",
    "ended_windows",
    "lateness_days",
    "max_clusters",
    "match",
    "sensitive_journeys",
    "sensitive_subjects",
)

# Of every command that talks to a broker.
BROKER: Final = (
    "broker",
    "topic_prefix",
    "broker_timeout",
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "oauth_token_url",
    "oauth_client_id",
    "oauth_scope",
    "ssl_ca",
    "ssl_certificate",
    "ssl_check_hostname",
    "client_properties",
)

ALL: Final = ("log_level", "log_format")  # of every command

_METAVARS: Final = {int: "INTEGER", float: "NUMBER", Path: "FOLDER"}


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag per setting, and the resolved `Settings` as its argument `settings`.

    Args:
        names: The settings that get flags; none means all. Secrets get none, because other users
            of the machine can read command lines. The environment is read for every setting.
    """
    fields = {
        name: field
        for name, field in Settings.model_fields.items()
        if (not names or name in names or name in ALL) and not is_secret(field)
    }

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def resolved(**given: Any) -> None:
            settings = Settings.load(**{name: given.pop(name) for name in fields})
            logs.start(settings)
            command(settings=settings, **given)

        wrapped: Callable[..., None] = resolved
        for name, field in reversed(fields.items()):
            wrapped = _option(name, field)(wrapped)
        return wrapped

    return decorate


def shown_default(field: FieldInfo) -> str:
    """A setting's default as text; empty when there is none."""
    return "" if field.default is None else str(field.default)


def _option(name: str, field: FieldInfo) -> Callable[[Callable[..., None]], Callable[..., None]]:
    # Values stay text here: the settings check them, the same way for flags and environment.
    metavar = next((text for kind, text in _METAVARS.items() if field.annotation is kind), "TEXT")
    default = f"; default {shown_default(field)}" if shown_default(field) else ""
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        metavar=metavar,
        help=f"{field.description} [{PREFIX}{name.upper()}{default}]",
    )
