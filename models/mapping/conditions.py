"""Which events count: the tables `[[only]]` of a mapping."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from models.mapping.event import SourceEvent
from models.mapping.paths import Getter

Condition = Callable[[SourceEvent, Any], bool]


def number(value: Any) -> float | None:
    """A number, also one that came as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found == found else None


def compile_condition(getter: Getter, tests: dict[str, Any]) -> Condition:
    """A condition that holds when each of its tests does.

    Args:
        getter: Finds the value.
        tests: By their name in `TESTS`; at least one.

    Raises:
        ValueError: A test is wrong; the message is one line.
    """
    checks = [TESTS[name](wanted) for name, wanted in tests.items()]
    if len(checks) == 1:
        only = checks[0]
        return lambda event, each: only(getter(event, each))

    def holds(event: SourceEvent, each: Any) -> bool:
        value = getter(event, each)
        return all(check(value) for check in checks)

    return holds


def _member(wanted: Any) -> Callable[[Any], bool]:
    if not isinstance(wanted, list) or not all(map(_scalar, wanted)):
        raise ValueError("a list of texts, numbers, true or false is wanted")
    texts = frozenset(value for value in wanted if isinstance(value, str))
    others = [value for value in wanted if not isinstance(value, str)]
    return lambda value: (
        value in texts if isinstance(value, str) else any(_same(value, other) for other in others)
    )


def _outsider(wanted: Any) -> Callable[[Any], bool]:
    member = _member(wanted)
    return lambda value: not member(value)


def _equal(wanted: Any) -> Callable[[Any], bool]:
    if not _scalar(wanted):
        raise ValueError("a text, a number, true or false is wanted")
    return lambda value: _same(value, wanted)


def _there(wanted: Any) -> Callable[[Any], bool]:
    if not isinstance(wanted, bool):
        raise ValueError("true or false is wanted")
    return lambda value: (value is not None and value != "") is wanted


def _least(wanted: Any) -> Callable[[Any], bool]:
    bound = _bound(wanted)
    return lambda value: (found := number(value)) is not None and found >= bound


def _most(wanted: Any) -> Callable[[Any], bool]:
    bound = _bound(wanted)
    return lambda value: (found := number(value)) is not None and found <= bound


def _bound(wanted: Any) -> float:
    found = None if isinstance(wanted, str) else number(wanted)
    if found is None:
        raise ValueError("a number is wanted")
    return found


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _same(value: Any, wanted: Any) -> bool:
    """Equal, and not true where 1 is meant."""
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


TESTS: Final[dict[str, Callable[[Any], Callable[[Any], bool]]]] = {
    "in": _member,
    "not_in": _outsider,
    "equals": _equal,
    "exists": _there,
    "min": _least,
    "max": _most,
}
