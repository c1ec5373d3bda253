"""How records are read from the wire, and what is wrong with those that cannot be.

Every record is JSON with a version `v`. Unknown fields are ignored, so that a producer may be newer
than its consumer; an unknown version is refused, because its meaning may have changed.
"""

import re
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec

from models.activities import MAX_ID_CHARS, checked
from models.errors import Reason, Rejected
from models.records import VERSION, Activity, ChangeData, JourneyName, NamingRequest
from models.times import EARLIEST_MS, read_time

MAX_RECORD_BYTES: Final = 65_536  # of a plain activity: a title, not a document
MAX_NAME_CHARS: Final = 256  # of a journey's name; those of the namer are far shorter
MAX_SOURCE_BYTES: Final = 1 << 20  # of somebody else's event: what a broker takes by default


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
    text: str | None = None
    v: int = VERSION


class _WireUntitled(msgspec.Struct, gc=False):
    """The same where a catalogue knows titles."""

    event_id: str
    user_id: str
    item_id: str
    occurred_at: int | float | str
    title: str = ""
    type: str | None = None
    weight: float = 1.0
    terms: dict[str, float] | None = None
    vector: list[float] | None = None
    text: str | None = None
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


_untitled_decoder = msgspec.json.Decoder(_WireUntitled)
_activity_decoder = msgspec.json.Decoder(_WireActivity)
_json_decoder = msgspec.json.Decoder()
_version_decoder = msgspec.json.Decoder(_Version)
_name_decoder = msgspec.json.Decoder(JourneyName)
_request_decoder = msgspec.json.Decoder(NamingRequest)
_change_decoder = msgspec.json.Decoder(ChangeEvent)

_NOT_JSON: Final = (msgspec.DecodeError, RecursionError, UnicodeError)

# Escaped UTF-16 in JSON text: an escaped backslash (stays), a pair (stays), a half of one.
_ESCAPES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def decode_activity(
    key: bytes | None, value: bytes | None, earliest_ms: int = EARLIEST_MS
) -> Activity:
    """Read one record of `activity-events`.

    Args:
        key: The record's key: the user id in UTF-8.
        value: The record's value: JSON.
        earliest_ms: No activity can be older, epoch ms.

    Raises:
        Rejected: With the reason; the caller sends key and value as they came to the rejects.
    """
    if key is None:
        raise Rejected(Reason.NULL_KEY, "the record's key must be the user id")
    activity = parse_activity(value, earliest_ms)
    if key != activity.user_id.encode():
        raise Rejected(Reason.KEY_MISMATCH, "the record's key is not its user_id")
    return activity


def parse_activity(
    value: bytes | None, earliest_ms: int = EARLIEST_MS, *, titled: bool = True
) -> Activity:
    """Read one activity from JSON, without a record key around it (files, topics of any key).

    Args:
        value: JSON.
        earliest_ms: No activity can be older, epoch ms.
        titled: Whether a title is needed. If not, it may be "": a catalogue knows it.

    Raises:
        Rejected: With the reason.
    """
    if value is None:
        raise Rejected(Reason.NOT_JSON, "the value is null")
    if len(value) > MAX_RECORD_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_RECORD_BYTES}")
    try:
        wire = (_activity_decoder if titled else _untitled_decoder).decode(value)
    except msgspec.ValidationError as error:
        _check_version(value)  # another version may well have another shape: say that first
        raise Rejected(Reason.INVALID, str(error)) from None
    except _NOT_JSON as error:
        if (mended := without_lone_surrogates(value)) != value:
            return parse_activity(mended, earliest_ms, titled=titled)
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    if wire.v != VERSION:
        _check_version(value)
    return checked(
        wire.event_id,
        wire.user_id,
        wire.item_id,
        wire.title,
        read_time(wire.occurred_at, earliest_ms=earliest_ms),
        wire.type,
        wire.weight,
        wire.terms,
        wire.vector,
        wire.text,
        titled=titled,
    )


def decode_json(value: bytes | str | None) -> Any:
    """Any JSON as Python objects; None stays None, the value of a record that only deletes.

    Raises:
        Rejected: `not_json`, or `too_large`.
    """
    if value is None:
        return None
    if len(value) > MAX_SOURCE_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_SOURCE_BYTES}")
    try:
        return _json_decoder.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raw = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        if (mended := without_lone_surrogates(raw)) != raw:
            return decode_json(mended)
        raise Rejected(Reason.NOT_JSON, str(error)) from None


def without_lone_surrogates(value: bytes) -> bytes:
    """JSON with U+FFFD for halves of surrogate pairs, escaped or (wrongly) in UTF-8.

    No text can hold them, so that a decoder refuses the whole record for one of them.
    """
    mended = _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], value)
    with suppress(UnicodeError):
        text = mended.decode("utf-8", "surrogatepass")
        mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    return mended


def _check_version(value: bytes) -> None:
    try:
        version = _version_decoder.decode(value).v
    except _NOT_JSON:
        return  # no version to be read: the record's own error says more
    if version != VERSION:
        raise Rejected(Reason.UNKNOWN_VERSION, f"version {version}, known: {VERSION}")


def decode_name(value: bytes | None) -> JourneyName:
    """Read one record of `journey-names`.

    Raises:
        Rejected: When it is not one, or so long that it is no name.
    """
    answer: JourneyName = _decode(_name_decoder, value)
    if len(answer.name or "") > MAX_NAME_CHARS:
        raise Rejected(Reason.TOO_LARGE, f"a name has at most {MAX_NAME_CHARS} characters")
    return answer


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


def decode_user(key: bytes | None) -> str:
    """The user whom a record's key names.

    Raises:
        Rejected: It names none.
    """
    if key is None:
        raise Rejected(Reason.NULL_KEY, "the record's key must be the user id")
    try:
        user_id = key.decode()
    except UnicodeDecodeError:
        raise Rejected(Reason.INVALID, "the record's key is not UTF-8") from None
    if not 0 < len(user_id) <= MAX_ID_CHARS:
        raise Rejected(Reason.INVALID, f"the record's key must have 1 to {MAX_ID_CHARS} characters")
    return user_id
