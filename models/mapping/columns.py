"""A sample of events as columns, a path each, and what a column can be by its values."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC
from typing import Any, Final, NamedTuple

from models.errors import Rejected
from models.times import read_time

Columns = dict[str, list[Any]]  # the values that are there, by plain path

_UNITS: Final = (None, "s", "us", "ns")
_FORMS: Final = (
    "%Y-%m-%d",
    "%Y%m%d%H%M%S",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%a, %d %b %Y %H:%M:%S %z",
)
_MOST: Final = 0.8  # of a column's values, which must be times for it to hold times
_DEEPEST: Final = 6
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class TimeForm(NamedTuple):
    """How times are written: the `[time]` of a mapping."""

    unit: str | None
    zone: str | None


def columns_of(events: Iterable[dict[str, Any]]) -> Columns:
    """All values by their path, but for null and empty text."""
    columns: Columns = defaultdict(list)
    for event in events:
        for path, value in _leaves(event, "", 0):
            columns[path].append(value)
    return columns


def _leaves(value: dict[str, Any], above: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if not name or '"' in name or "\\" in name:
            continue
        step = name if _PLAIN_NAME.fullmatch(name) else f'"{name}"'
        path = f"{above}.{step}" if above else step
        if isinstance(inner, dict) and depth < _DEEPEST:
            yield from _leaves(inner, path, depth + 1)
        elif inner is not None and inner != "":
            yield path, inner


def can_be(field: str, column: list[Any]) -> bool:
    """Whether the values of a column fit a field."""
    if field == "occurred_at":
        return time_form(column) is not None
    if field == "terms":
        return all(isinstance(value, list | dict) for value in column)
    if field == "text":
        return all(isinstance(value, str) for value in column) and _has_words(column)
    if any(isinstance(value, bool) or not isinstance(value, str | int | float) for value in column):
        return False
    if field == "weight":
        return all(isinstance(value, int | float) and value > 0 for value in column)
    if field == "event_id":
        return len(set(column)) == len(column)
    return field != "title" or any(isinstance(value, str) for value in column)


def _has_words(column: list[str]) -> bool:
    """Whether most values are more than a name or a code; not all scripts put blanks between."""
    several = sum(len(value.split()) > 2 or not value.isascii() for value in column)
    return several >= _MOST * len(column)


def time_form(column: list[Any]) -> TimeForm | None:
    """How the times of a column are written; None where most of its values are none."""
    forms = [TimeForm(unit, None) for unit in _UNITS]
    forms += [TimeForm(unit, "UTC") for unit in (None, *_FORMS)]
    return next((form for form in forms if _reads(column, form) >= _MOST * len(column)), None)


def _reads(column: list[Any], form: TimeForm) -> int:
    zone, read = UTC if form.zone else None, 0
    for value in column:
        with suppress(Rejected):
            read_time(value, form.unit, zone)
            read += 1
    return read
