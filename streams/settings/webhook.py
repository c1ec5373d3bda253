"""Settings of the webhook: where changes are sent, which ones, and how hard it is tried."""

import base64
import binascii
from typing import Annotated, Final, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationInfo, field_validator

from models.records import Kind
from models.selection import Selection

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
SECRET_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = range(24, 65)  # as Standard Webhooks wants it


class WebhookSettings(BaseModel):
    """Where changes are sent, which ones, and how hard it is tried."""

    webhook_http: bool = Field(
        False, description="whether a receiver on this machine may be spoken to without TLS"
    )
    webhook_url: SecretStr | None = Field(
        None,
        description="https url that `journeys webhook` sends changes to; unset: nowhere. It may "
        "hold a password, so it is treated as one",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="what they are signed with: `whsec_` and 24 to 64 bytes in base64; several "
        "with a blank between, while receivers go over to another one",
    )
    webhook_kinds: str = Field(
        "", description="kinds of change that are sent, commas between; default: all"
    )
    webhook_names: str = Field(
        "",
        description="names of journeys whose changes are sent: patterns (`*` is anything) with `|` "
        "between; default: all",
    )
    webhook_users: str = Field(
        "",
        description="ids of users whose changes are sent: patterns with `|` between; default: all",
    )
    webhook_confidence: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="least confidence of journeys whose changes are sent"
    )
    webhook_per_day: Annotated[int | None, Field(ge=1, le=1_000_000)] = Field(
        None,
        description="most changes sent of a user and a day (UTC, as published), the first ones; "
        "default: all",
    )
    webhook_concurrency: Annotated[int, Field(ge=1, le=1_000)] = Field(
        8, description="requests under way at the receiver at once; a user's go one by one"
    )
    webhook_timeout: Annotated[float, Field(gt=0, le=3_600)] = Field(
        15.0, description="seconds until one request is given up"
    )
    webhook_retry_seconds: Annotated[float, Field(ge=0, le=2_592_000)] = Field(
        86_400.0,
        description="how long a change is tried again until it goes to `webhook-undelivered`",
    )

    @field_validator("webhook_url")
    @classmethod
    def _is_safe(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value().strip())
            plain = info.data.get("webhook_http") and parts.hostname in LOOPBACK
            schemes = ("https", "http") if plain else ("https",)
            if not parts.hostname or parts.scheme not in schemes:
                raise ValueError(
                    "an https url is wanted; http only to this machine, with JOURNEYS_WEBHOOK_HTTP"
                )
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            keys = value.get_secret_value().split()
            if not keys or not all(map(_is_key, keys)):
                raise ValueError("whsec_ and 24 to 64 bytes in base64 are wanted")
        return value

    @field_validator("webhook_kinds")
    @classmethod
    def _are_kinds(cls, value: str) -> str:
        if unknown := set(_split(value, ",")) - set(get_args(Kind)):
            known = ", ".join(get_args(Kind))
            raise ValueError(f"{', '.join(sorted(unknown))}: the kinds are {known}")
        return value

    @property
    def webhook_selection(self) -> Selection:
        """Which changes are sent."""
        return Selection(
            kinds=frozenset(_split(self.webhook_kinds, ",")),
            users=_split(self.webhook_users, "|"),
            names=_split(self.webhook_names, "|"),
            confidence=self.webhook_confidence,
            per_day=self.webhook_per_day,
        )


def _split(listed: str, sign: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, listed.split(sign))))


def _is_key(text: str) -> bool:
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return False
    return len(key) in _SECRET_BYTES
