"""How records are read from the wire, and what is wrong with those that cannot be.

Every record is JSON with a version `v`. Unknown fields are ignored, so that a producer may be newer
than its consumer; an unknown version is refused, because its meaning may have changed.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from models.errors import Reason, Rejected
from models.records import VERSION, Activity, ChangeData, JourneyName, NamingRequest

# Bounds. An activity is a title, not a document: larger input is a mistake or an attack.
MAX_RECORD_BYTES: Final = 65_536
MAX_TITLE_CHARS: Final = 1_000
MAX_ID_CHARS: Final = 256
MAX_TERMS: Final = 64
MAX_TERM_CHARS: Final = 64
MAX_VECTOR: Final = 4_096
MAX_WEIGHT: Final = 1e6
LAST_TIME_MS: Final = 32_503_680_000_000  # the year 3000: a value past it is no epoch ms


class _WireActivity(msgspec.Struct, gc=False):
    """As it comes: times of two forms, bounds not yet checked."""

    event_id: str
    user_id: str
    item_id: str
    title: str
    occurred_at: int | float | str
    type: str | None = None
    weight: float = 1.0
    terms: dict[str, float] | None = None
    vector: list[float] | None = None
    v: int = VERSION


class ChangeEvent(msgspec.Struct, frozen=True):
    """A change as it comes from `journey-changes`, as far as a reader wants it."""

    id: str
    type: str
    time: datetime
    data: ChangeData

    @property
    def kind(self) -> str:
        """`started`, `named`, …; the whole type if it is not one of ours."""
        return self.type.removeprefix("journey.").removesuffix(".v1")


class _Version(msgspec.Struct, gc=False):
    v: int = VERSION


_activity_decoder = msgspec.json.Decoder(_WireActivity)
_version_decoder = msgspec.json.Decoder(_Version)
_name_decoder = msgspec.json.Decoder(JourneyName)
_request_decoder = msgspec.json.Decoder(NamingRequest)
_change_decoder = msgspec.json.Decoder(ChangeEvent)

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)")


def decode_activity(key: bytes | None, value: bytes | None) -> Activity:
    """Read one record of `activity-events`.

    Args:
        key: The record's key: the user id in UTF-8.
        value: The record's value: JSON.

    Raises:
        Rejected: With the reason; the caller sends key and value as they came to the rejects.
    """
    if key is None:
        raise Rejected(Reason.NULL_KEY, "the record's key must be the user id")
    activity = parse_activity(value)
    if key != activity.user_id.encode():
        raise Rejected(Reason.KEY_MISMATCH, "the record's key is not its user_id")
    return activity


def parse_activity(value: bytes | None) -> Activity:
    """Read one activity from JSON, without a record key around it (files, tests).

    Raises:
        Rejected: With the reason.
    """
    if value is None:
        raise Rejected(Reason.NOT_JSON, "the value is null")
    if len(value) > MAX_RECORD_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_RECORD_BYTES}")
    try:
        wire = _activity_decoder.decode(value)
    except msgspec.ValidationError as error:
        _check_version(value)  # another version may well have another shape: say that first
        raise Rejected(Reason.INVALID, str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    if wire.v != VERSION:
        _check_version(value)
    title = wire.title.strip()
    if not title:
        raise Rejected(Reason.EMPTY_TITLE, "the title is empty")
    if len(title) > MAX_TITLE_CHARS:
        raise Rejected(Reason.TOO_LARGE, f"title of {len(title)} characters")
    for name, text in (
        ("event_id", wire.event_id),
        ("user_id", wire.user_id),
        ("item_id", wire.item_id),
        ("type", wire.type),
    ):
        if text is not None and not 0 < len(text) <= MAX_ID_CHARS:
            raise Rejected(Reason.INVALID, f"{name} must have 1 to {MAX_ID_CHARS} characters")
    if not 0.0 < wire.weight <= MAX_WEIGHT:
        raise Rejected(Reason.BAD_WEIGHT, f"weight {wire.weight} is not in (0, {MAX_WEIGHT:g}]")
    if wire.terms:
        _check_terms(wire.terms)
    if wire.vector is not None and not (
        0 < len(wire.vector) <= MAX_VECTOR and all(map(math.isfinite, wire.vector))
    ):
        raise Rejected(Reason.BAD_VECTOR, f"1 to {MAX_VECTOR} finite numbers are wanted")
    return Activity(
        wire.event_id,
        wire.user_id,
        wire.item_id,
        title,
        parse_time(wire.occurred_at),
        wire.type,
        wire.weight,
        wire.terms or None,
        wire.vector,
    )


def _check_version(value: bytes) -> None:
    try:
        version = _version_decoder.decode(value).v
    except msgspec.ValidationError:
        return  # no version to be read: the record's own error says more
    if version != VERSION:
        raise Rejected(Reason.UNKNOWN_VERSION, f"version {version}, known: {VERSION}")


def _check_terms(terms: Mapping[str, float]) -> None:
    if len(terms) > MAX_TERMS or any(not 0 < len(term) <= MAX_TERM_CHARS for term in terms):
        raise Rejected(
            Reason.TOO_LARGE, f"at most {MAX_TERMS} terms of 1 to {MAX_TERM_CHARS} characters"
        )
    if not all(0.0 <= score < math.inf for score in terms.values()):
        raise Rejected(Reason.INVALID, "term scores must be finite and not negative")


def parse_time(value: float | str) -> int:
    """Event time as epoch milliseconds, from RFC 3339 text or from epoch milliseconds.

    Raises:
        Rejected: When it is neither, or lies outside the years 1970 to 2999.
    """
    if isinstance(value, str):
        if not _RFC3339.fullmatch(value):
            raise Rejected(Reason.BAD_TIME, f"not an RFC 3339 time with an offset: {value[:40]!r}")
        try:
            millis = round(datetime.fromisoformat(value.upper()).timestamp() * 1000)
        except (ValueError, OverflowError) as error:
            raise Rejected(Reason.BAD_TIME, str(error)) from None
    elif isinstance(value, float) and not math.isfinite(value):
        raise Rejected(Reason.BAD_TIME, "not a finite number")
    else:
        millis = int(value)
    if not 0 <= millis < LAST_TIME_MS:
        raise Rejected(Reason.BAD_TIME, f"{millis} ms is outside the years 1970 to 2999")
    return millis


def decode_name(value: bytes | None) -> JourneyName:
    """Read one record of `journey-names`.

    Raises:
        Rejected: When it is not one.
    """
    name: JourneyName = _decode(_name_decoder, value)
    return name


def decode_request(value: bytes | None) -> NamingRequest:
    """Read one record of `naming-requests`.

    Raises:
        Rejected: When it is not one.
    """
    request: NamingRequest = _decode(_request_decoder, value)
    return request


def decode_change(value: bytes) -> ChangeEvent:
    """Read one record of `journey-changes`.

    Raises:
        Rejected: When it is none.
    """
    try:
        return _change_decoder.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(Reason.INVALID, str(error)) from None


def _decode(decoder: msgspec.json.Decoder[Any], value: bytes | None) -> Any:
    try:
        _check_version(value or b"")
        return decoder.decode(value or b"")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(Reason.INVALID, str(error)) from None
