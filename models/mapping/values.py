"""What is found at a path as the value of a field."""

import math
from decimal import Decimal
from typing import Any
from uuid import UUID

from models.errors import Reason, Rejected
from models.mapping.conditions import number


def text(name: str, value: Any) -> str | None:
    """A text; numbers become one (42 and 42.0 are "42"), lone surrogates become U+FFFD.

    Args:
        name: Of the field, for the error.
        value: As found; None and empty text are nothing.

    Raises:
        Rejected: `invalid`: it is neither a text nor a number.
    """
    if isinstance(value, str):
        return value if value.isascii() else _well_formed(value)
    if value is None:
        return None
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Rejected(
            Reason.INVALID, f"{name} is {_kind(value)}, and a text or a number is wanted"
        )
    if not -(10**255) < value < 10**255:
        raise Rejected(Reason.INVALID, f"{name} is not a number that can be an id")
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value == int(value) else str(value)


def weight(value: Any) -> float:
    """A weight; its bounds are checked with the activity's other fields.

    Raises:
        Rejected: `bad_weight`: it is no number.
    """
    found = number(value)
    if found is None:
        raise Rejected(Reason.BAD_WEIGHT, f"weight is {_kind(value)}, and a number is wanted")
    return found


def terms(value: Any) -> dict[str, float] | None:
    """Terms with scores: from {term: score}, from [term] (each 1), or from [{term, score}].

    Raises:
        Rejected: `invalid`: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [
            (one.get("term"), one.get("score", 1.0)) if isinstance(one, dict) else (one, 1.0)
            for one in value
            if one is not None and one != ""
        ]
    else:
        raise Rejected(
            Reason.INVALID,
            f"terms is {_kind(value)}, and {{term: score}}, a list of terms or a list of "
            "{term, score} is wanted",
        )
    found: dict[str, float] = {}
    for term, score in pairs:
        name, points = text("a term", term), number(score)
        if not name or points is None or not math.isfinite(points):
            raise Rejected(Reason.INVALID, "terms must be texts with finite scores")
        found[name] = points
    return found


def vector(value: Any) -> list[float] | None:
    """A vector, shape (dimensions,).

    Raises:
        Rejected: `bad_vector`: it is no list of numbers.
    """
    if value is None:
        return None
    found = [number(part) for part in value] if isinstance(value, list) else [None]
    numbers = [part for part in found if part is not None]
    if len(numbers) < len(found):
        raise Rejected(Reason.BAD_VECTOR, "a list of finite numbers is wanted")
    return numbers


def _well_formed(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


_KINDS: dict[type, str] = {bool: "true or false", dict: "an object", list: "a list"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), f"a {type(value).__name__}")
