"""A table's row as a plain activity: the columns are taken whose names are ours."""

import re
from typing import Any, Final

import msgspec

from models.records import encode

_TEXTS: Final = ("event_id", "user_id", "item_id", "title", "text", "type")
_PARTS: Final = ("terms", "vector")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def plain_line(row: dict[str, Any]) -> bytes:
    """The activity's JSON; whether it is one, `parse_activity` says.

    In a table everything may be text, and ids may be numbers: here each gets its type. Empty cells
    are left out.
    """
    found: dict[str, Any] = {}
    for name in _TEXTS:
        found[name] = _text(row.get(name))
    for name in ("occurred_at", "weight", "v"):
        found[name] = _number(row.get(name))
    for name in _PARTS:
        found[name] = _part(row.get(name))
    return encode({name: value for name, value in found.items() if value is not None})


def _text(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return value
    number = float(value)
    return int(value) if value.strip().lstrip("+-").isdecimal() else number


def _part(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
