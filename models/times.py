"""When something happened: units, zones, and guards against a number that is another unit's.

Every unit gives the same millisecond: halves are rounded up, whether the time came as text, as a
whole number or as a fraction. Nothing is guessed in silence: a number that makes no sense in the
unit it is said to be in is refused, and the refusal says in which unit it would.
"""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from models.errors import Reason, Rejected
from models.records import rfc3339

EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01: no log of activities goes back further
LATEST_MS: Final = 32_503_680_000_000  # the year 3000
_PLAUSIBLE_MS: Final = 4_102_444_800_000  # 2100-01-01: where a time is taken for another unit's

UNITS: Final = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}  # in nanoseconds
RFC3339: Final = "rfc3339"
_DIGITS: Final = "%Y%m%d%H%M%S"  # a date written as one number; as epoch ms it lies past 2500

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_MS: Final = 31_556_952_000
_TEXT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_NUMBER: Final = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?", re.ASCII)
# Epoch times of this century, as text: a number of another length is rather a date in digits.
_EPOCH_LENGTHS: Final = (10, 13, 16, 19)


class RecordTime(int):
    """The timestamp of a record: epoch ms, whatever unit the times inside the record have."""


def read_time(
    value: Any, unit: str | None = None, zone: tzinfo | None = None, earliest_ms: int = EARLIEST_MS
) -> int:
    """Event time as epoch milliseconds.

    Args:
        value: RFC 3339 text, a number (also as text), or a `datetime`.
        unit: What a number counts since 1970 (a key of `UNITS`), `RFC3339` when a number is a
            mistake, or the strptime format of a text. None: epoch milliseconds, guarded.
        zone: Where texts without an offset come from; without it they are refused.
        earliest_ms: No activity can be older, epoch ms.

    Raises:
        Rejected: `bad_unit` when another unit would make sense of the number, else `bad_time`.
    """
    if type(value) is int and unit is None and earliest_ms <= value < _PLAUSIBLE_MS:
        if value >= EARLIEST_MS:
            return value
    elif isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is not None:
            return _bounded(_text(value, match[1], zone), value, earliest_ms)
        if unit is not None and "%" in unit:
            return _bounded(_formatted(value, unit, zone), value, earliest_ms)
        return _number(_from_text(value, unit), unit, earliest_ms)
    elif isinstance(value, RecordTime):
        return _bounded(int(value), value, earliest_ms)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if not -(10**30) < value < 10**30:  # not a number is not in between either
            raise Rejected(Reason.BAD_TIME, "not a number that a time can be")
        if unit is not None and "%" in unit:
            return _bounded(_formatted(f"{value:.0f}", unit, zone), value, earliest_ms)
        return _number(value, unit, earliest_ms)
    if isinstance(value, datetime):
        return _bounded(_millis(_placed(value, zone)), value, earliest_ms)
    raise Rejected(Reason.BAD_TIME, f"not a time: {_shown(value)}")


def _text(value: str, offset: str | None, zone: tzinfo | None) -> int:
    leap = 1_000 if value[17:19] == "60" else 0  # 23:59:60 is the next day's first moment
    if leap:
        value = f"{value[:17]}59{value[19:]}"
    try:
        moment = datetime.fromisoformat(value.upper())
        return _millis(moment if offset else _placed(moment, zone)) + leap
    except (ValueError, OverflowError) as error:
        raise Rejected(Reason.BAD_TIME, f"{value[:40]!r}: {error}") from None


def _formatted(value: str, form: str, zone: tzinfo | None) -> int:
    try:
        return _millis(_placed(datetime.strptime(value, form), zone))  # noqa: DTZ007
    except (ValueError, OverflowError):
        raise Rejected(Reason.BAD_TIME, f"{value[:40]!r} is not of the form {form!r}") from None


def _placed(moment: datetime, zone: tzinfo | None) -> datetime:
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise Rejected(
            Reason.BAD_TIME,
            f"{moment.isoformat()} has no offset; a mapping says where such times come from: "
            '[time] zone = "Europe/Berlin"',
        )
    return moment.replace(tzinfo=zone)


def _millis(moment: datetime) -> int:
    passed: timedelta = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000 + (passed.microseconds + 500) // 1_000


def _from_text(value: str, unit: str | None) -> int | Decimal:
    """A number that came as text, as those of CSV do."""
    number = value.strip()
    whole = len(number.split(".")[0])
    if _NUMBER.fullmatch(number) and (unit in UNITS or whole in _EPOCH_LENGTHS):
        return Decimal(number) if "." in number else int(number)
    wanted = f"nor a number of {unit}" if unit in UNITS else "with an offset"
    raise Rejected(Reason.BAD_TIME, f"not an RFC 3339 time {wanted}: {value[:40]!r}")


def _number(value: float | Decimal, unit: str | None, earliest_ms: int) -> int:
    if unit == RFC3339:
        raise _refusal(value, None, earliest_ms)
    millis = _scaled(value, UNITS[unit or "ms"])
    if earliest_ms <= millis < LATEST_MS and (
        unit is not None
        or EARLIEST_MS <= millis < _PLAUSIBLE_MS
        or _other_unit(value, "ms", EARLIEST_MS) is None
    ):
        return millis
    raise _refusal(value, unit or "ms", earliest_ms)


def _scaled(value: float | Decimal, nanos: int) -> int:
    """A number of so many nanoseconds each, as whole milliseconds."""
    if isinstance(value, int):
        return (value * nanos + 500_000) // 1_000_000
    if isinstance(value, Decimal):
        return math.floor(value * nanos / 1_000_000 + Decimal("0.5"))
    return math.floor(value * (nanos / 1_000_000) + 0.5)


def _other_unit(value: float | Decimal, unit: str | None, earliest_ms: int) -> str | None:
    """The declaration that would make sense of a number, if there is one."""
    for other, nanos in UNITS.items():
        if other != unit and earliest_ms <= _scaled(value, nanos) < _PLAUSIBLE_MS:
            return other
    try:
        moment = datetime.strptime(f"{value:.0f}", _DIGITS).replace(tzinfo=UTC)
    except ValueError:
        return None
    return _DIGITS if earliest_ms <= _millis(moment) < _PLAUSIBLE_MS else None


def _refusal(value: float | Decimal, unit: str | None, earliest_ms: int) -> Rejected:
    read = f"{_shown(value)} is a number, and RFC 3339 text was declared"
    if unit is not None:
        read = f"{_shown(value)} read as {unit} is {_when(_scaled(value, UNITS[unit]))}"
    other = _other_unit(value, unit, min(earliest_ms, EARLIEST_MS))
    if other is None:
        return Rejected(
            Reason.BAD_TIME if unit else Reason.BAD_UNIT, f"{read}; {_span(earliest_ms)}"
        )
    sense = (
        f"read as {other} it is {_when(_scaled(value, UNITS[other]))}"
        if other in UNITS
        else "it reads as a date in digits"
    )
    return Rejected(
        Reason.BAD_UNIT, f'{read}; {sense}: a mapping declares that by [time] unit = "{other}"'
    )


def _bounded(millis: int, value: Any, earliest_ms: int) -> int:
    if earliest_ms <= millis < LATEST_MS:
        return millis
    raise Rejected(Reason.BAD_TIME, f"{_shown(value)} is {_when(millis)}; {_span(earliest_ms)}")


def _span(earliest_ms: int) -> str:
    return f"times from {rfc3339(earliest_ms)[:10]} (JOURNEYS_EARLIEST) to 2999 are taken"


def _when(millis: int) -> str:
    year = 1970 + millis // _YEAR_MS
    return rfc3339(millis)[:19] + "Z" if 1 < year < 9_999 else f"the year {year}"


def _shown(value: Any) -> str:
    return repr(value)[:40] if isinstance(value, str) else str(value)[:40]
