"""What values of any format become: dicts, lists, texts, numbers, booleans, None and datetimes."""

import base64
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID


def plain(value: Any) -> Any:
    """A decoded value as plain objects.

    Decimals become whole numbers where they are whole, else floats; dates, times and UUIDs become
    text as ISO 8601 and RFC 9562 write them; bytes as `text_of` says. Datetimes stay.
    """
    kind = type(value)
    if kind is dict:
        return {name: plain(one) for name, one in value.items()}
    if kind is list:
        return [plain(one) for one in value]
    if kind is bytes:
        return text_of(value)
    if kind is Decimal:
        return int(value) if value == value.to_integral_value() else float(value)
    if kind is UUID:
        return str(value)
    if isinstance(value, date | time) and not isinstance(value, datetime):
        return value.isoformat()
    return value


def text_of(value: bytes) -> str:
    """Bytes as text: what they say in UTF-8, or base64 where they say nothing in it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
