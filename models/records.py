"""The records on the wire: what they hold, their bounds, how they are read and written.

Every record is JSON with a version `v`. Unknown fields are ignored, so that a producer may be newer
than its consumer; an unknown version is refused, because its meaning may have changed.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from models.errors import Reason, Rejected

VERSION: Final = 1

# Bounds. An activity is a title, not a document: larger input is a mistake or an attack.
MAX_RECORD_BYTES: Final = 65_536
MAX_TITLE_CHARS: Final = 1_000
MAX_ID_CHARS: Final = 256
MAX_TERMS: Final = 64
MAX_TERM_CHARS: Final = 64
MAX_VECTOR: Final = 4_096
MAX_WEIGHT: Final = 1e6
LAST_TIME_MS: Final = 32_503_680_000_000  # the year 3000: a value past it is no epoch ms

Kind = Literal["started", "named", "shifted", "merged", "dormant", "resumed", "ended"]
Stage = Literal["active", "dormant", "ended", "merged"]
NameSource = Literal["keywords", "llm"]


class Activity(msgspec.Struct, frozen=True, gc=False):
    """One thing a user did with an item at a time (DESIGN.md, section 3).

    Attributes:
        event_id: Unique per activity; the cause in the ids of the changes it brings.
        user_id: The record's key says the same.
        item_id: What was viewed, played or bought.
        title: The item's title, stripped, 1 to 1,000 characters.
        occurred_at: Event time, epoch milliseconds.
        type: What the user did ("view", "play", "buy"), if known.
        weight: How much it counts, > 0.
        terms: Salient terms with their scores, if the producer has them.
        vector: A ready vector, shape (dimensions,), finite; the encoder is then not asked.
    """

    event_id: str
    user_id: str
    item_id: str
    title: str
    occurred_at: int
    type: str | None = None
    weight: float = 1.0
    terms: dict[str, float] | None = None
    vector: list[float] | None = None


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


class _Version(msgspec.Struct, gc=False):
    v: int = VERSION


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item behind a journey: an exemplar."""

    item_id: str
    title: str
    occurred_at: int


class WindowCount(msgspec.Struct, frozen=True, gc=False):
    """How many activities one window of a journey's history held."""

    start: int
    activities: int


class JourneyView(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What is known of a journey at one moment; the why of a change.

    Times are epoch milliseconds. `vector` is the unit centroid, rounded to 4 decimals.
    """

    journey_id: str
    cluster_id: str
    stage: Stage
    keywords: str
    confidence: float
    started_at: int
    promoted_at: int
    last_active_at: int
    activities: int
    items: list[Item]
    terms: dict[str, float]
    windows: list[WindowCount]
    vector: list[float]


class Change(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One journey-change event.

    Its bytes are a function of the user's own activities and of how far time has come, not of when
    a name arrives, so that a repeat after a crash is byte for byte the same. That is why only
    `named` carries a name; `journey.keywords` is there in every change.

    Attributes:
        id: Deterministic: journey, kind and cause.
        user_id: Whose journey.
        kind: What happened.
        occurred_at: Event time, epoch ms: of the activity behind it, or of the window's end.
        cause: The event id behind it, or `window:<end in epoch ms>`.
        journey: The journey as it was then; None only for `named`.
        journey_id: Which journey.
        name: The new name (`named` only).
        name_source: Who made it (`named` only).
        revision: Which state of the journey the name is for (`named` only).
        merged_into: The journey that goes on (`merged` only).
    """

    id: str
    user_id: str
    kind: Kind
    occurred_at: int
    cause: str
    journey_id: str
    journey: JourneyView | None = None
    name: str | None = None
    name_source: NameSource | None = None
    revision: int | None = None
    merged_into: str | None = None


class JourneyRecord(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The current state of one journey on the compacted topic `journeys`.

    Published with every change of the journey and at its first activity in a new window.
    """

    user_id: str
    name: str
    name_source: NameSource
    revision: int
    updated_at: int
    journey: JourneyView
    merged_into: str | None = None
    v: int = VERSION


class NamingRequest(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Asks the namer for a name of one journey at one revision."""

    user_id: str
    journey_id: str
    revision: int
    titles: list[str]
    terms: dict[str, float]
    keywords: str
    taken: list[str]
    requested_at: int
    v: int = VERSION


class JourneyName(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The namer's answer: a name and how it was made, or why there is none."""

    user_id: str
    journey_id: str
    revision: int
    name: str | None
    source: NameSource
    model: str | None = None
    reason: str | None = None
    v: int = VERSION


_activity_decoder = msgspec.json.Decoder(_WireActivity)
_version_decoder = msgspec.json.Decoder(_Version)
_name_decoder = msgspec.json.Decoder(JourneyName)
_request_decoder = msgspec.json.Decoder(NamingRequest)
_encoder = msgspec.json.Encoder()
encode = _encoder.encode

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
    for name, text in (("event_id", wire.event_id), ("user_id", wire.user_id),
                       ("item_id", wire.item_id), ("type", wire.type)):
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
        wire.event_id, wire.user_id, wire.item_id, title, parse_time(wire.occurred_at),
        wire.type, wire.weight, wire.terms or None, wire.vector,
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


def rfc3339(millis: int) -> str:
    """Epoch milliseconds as RFC 3339 text in UTC."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cloudevent(change: Change, source: str = "/interest-journeys") -> bytes:
    """A change as a CloudEvents 1.0 envelope in structured JSON mode."""
    data: dict[str, Any] = {"user_id": change.user_id, "journey_id": change.journey_id,
                            "cause": change.cause}
    for field in ("name", "name_source", "revision", "merged_into", "journey"):
        if (value := getattr(change, field)) is not None:
            data[field] = value
    return encode({
        "specversion": "1.0",
        "id": change.id,
        "source": source,
        "type": f"journey.{change.kind}.v1",
        "subject": change.user_id,
        "time": rfc3339(change.occurred_at),
        "datacontenttype": "application/json",
        "data": data,
    })


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


def _decode(decoder: msgspec.json.Decoder[Any], value: bytes | None) -> Any:
    try:
        _check_version(value or b"")
        return decoder.decode(value or b"")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Rejected(Reason.INVALID, str(error)) from None
