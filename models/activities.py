"""What an activity may hold: the one home of these checks, however the activity came."""

import math
import unicodedata
from collections.abc import Mapping
from typing import Final

from models.errors import Reason, Rejected
from models.records import Activity

# Bounds. An activity is a title, not a document: larger input is a mistake or an attack.
MAX_TITLE_CHARS: Final = 1_000  # what is longer is cut
MAX_TEXT_CHARS: Final = 280  # what is longer is cut
MAX_ID_CHARS: Final = 256
MAX_TERMS: Final = 64
MAX_TERM_CHARS: Final = 64
MAX_VECTOR: Final = 4_096
MAX_WEIGHT: Final = 1e6

_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols without ink


def checked(
    event_id: str,
    user_id: str,
    item_id: str,
    title: str,
    occurred_at: int,
    type: str | None,
    weight: float,
    terms: dict[str, float] | None,
    vector: list[float] | None,
    text: str | None = None,
    *,
    titled: bool = True,
) -> Activity:
    """An activity of these fields, its title and text stripped and cut.

    Args:
        event_id: Unique per activity.
        user_id: Who.
        item_id: With what.
        title: The item's title.
        occurred_at: Epoch ms, checked by `read_time`.
        type: What the user did.
        weight: How much it counts.
        terms: Salient terms with their scores.
        vector: A ready vector.
        text: What the item says beside its title; blank counts as none.
        titled: Whether a title is needed.

    Raises:
        Rejected: With the reason.
    """
    title = _cut(title, MAX_TITLE_CHARS)
    if titled and not any(map(_is_seen, title)):
        raise Rejected(Reason.EMPTY_TITLE, "the title is empty")
    for name, value in (
        ("event_id", event_id),
        ("user_id", user_id),
        ("item_id", item_id),
        ("type", type),
    ):
        if value is not None and not 0 < len(value) <= MAX_ID_CHARS:
            raise Rejected(Reason.INVALID, f"{name} must have 1 to {MAX_ID_CHARS} characters")
    if not 0.0 < weight <= MAX_WEIGHT:
        raise Rejected(Reason.BAD_WEIGHT, f"weight {weight} is not in (0, {MAX_WEIGHT:g}]")
    if terms:
        _check_terms(terms)
    if vector is not None and not (
        0 < len(vector) <= MAX_VECTOR and all(map(math.isfinite, vector))
    ):
        raise Rejected(Reason.BAD_VECTOR, f"1 to {MAX_VECTOR} finite numbers are wanted")
    if text is not None:
        text = _cut(text, MAX_TEXT_CHARS)
        text = text if any(map(_is_seen, text)) else None
    return Activity(
        event_id, user_id, item_id, title, occurred_at, type, weight, terms or None, vector, text
    )


def _cut(text: str, most: int) -> str:
    text = text.strip()
    return text if len(text) <= most else text[:most].rstrip()


def _check_terms(terms: Mapping[str, float]) -> None:
    if len(terms) > MAX_TERMS or any(not 0 < len(term) <= MAX_TERM_CHARS for term in terms):
        raise Rejected(
            Reason.TOO_LARGE, f"at most {MAX_TERMS} terms of 1 to {MAX_TERM_CHARS} characters"
        )
    if not all(0.0 <= score < math.inf for score in terms.values()):
        raise Rejected(Reason.INVALID, "term scores must be finite and not negative")


def _is_seen(sign: str) -> bool:
    """Whether a sign leaves a mark on the page: a title of others would be a name of nothing."""
    return sign not in _BLANK and unicodedata.category(sign)[0] not in "CMZ"
