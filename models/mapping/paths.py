"""The path language of mappings, compiled once.

Plain dotted paths (`context.page.title`, `items[0].name`, `properties."$current_url"`) become
closures that only look up. Anything else is JMESPath, with two functions more: `parse_json(text)`
and `header(name)`. A path begins at the event's value, or at `each` (the element of a mapping that
has several), `$key`, `$headers.NAME`, `$timestamp` or `$topic`.
"""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final

import jmespath
from jmespath import functions
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from models.decoding import decode_json
from models.errors import Reason, Rejected
from models.mapping.event import SourceEvent
from models.times import RecordTime

Getter = Callable[[SourceEvent, Any], Any]  # (event, element of `each`) to a value, None if nothing

_NAME: Final = r'(?:[A-Za-z_]\w*|"[^"\\]+")'
_STEP: Final = re.compile(rf"\.?({_NAME})|\[(-?\d{{1,9}})\]", re.ASCII)
_PLAIN: Final = re.compile(rf"{_NAME}(?:\.{_NAME}|\[-?\d{{1,9}}\])*", re.ASCII)
_EACH: Final = re.compile(r"\beach\b")
_ROOTS: Final = ("$key", "$headers", "$timestamp", "$topic")


def compile_path(text: str) -> Getter:
    """A getter for a path.

    Args:
        text: The path.

    Returns:
        A function of the event and of the element of `each` (None without one). It gives None
        where there is nothing and raises `Rejected` alone.

    Raises:
        ValueError: The path is wrong; the message is one line.
    """
    if text.startswith("$"):
        return _root(text)
    if _PLAIN.fullmatch(text):
        return _plain(text)
    return _jmespath(text)


def compile_paths(texts: list[str]) -> Getter:
    """A getter for the first path at which there is something: neither null nor empty text.

    Raises:
        ValueError: One of the paths is wrong.
    """
    getters = [compile_path(text) for text in texts]
    if len(getters) == 1:
        return getters[0]

    def first(event: SourceEvent, each: Any) -> Any:
        for getter in getters:
            value = getter(event, each)
            if value is not None and value != "":
                return value
        return None

    return first


def names_each(text: str) -> bool:
    """Whether a path reads the element of `each`."""
    return _EACH.search(text) is not None


def _root(text: str) -> Getter:
    if text == "$key":
        return lambda event, _: None if event.key is None else _text(event.key)
    if text == "$topic":
        return lambda event, _: event.topic or None
    if text == "$timestamp":
        return lambda event, _: RecordTime(event.timestamp) if event.timestamp >= 0 else None
    if text.startswith("$headers."):
        return _header(text.removeprefix("$headers."))
    near = get_close_matches(text, _ROOTS, 1)
    raise ValueError(f"{text} is unknown; {f'do you mean {near[0]}?' if near else _known()}")


def _known() -> str:
    return "what is not in the value is $key, $headers.NAME, $timestamp or $topic"


def _header(name: str) -> Getter:
    def get(event: SourceEvent, _: Any) -> Any:
        value = event.headers.get(name)
        return None if value is None else _text(value)

    return get


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _plain(text: str) -> Getter:
    steps: list[str | int] = [
        int(index) if index else name.strip('"') for name, index in _STEP.findall(text)
    ]
    if steps[0] == "each":
        return _walk_each(steps[1:])
    if len(steps) == 1:
        only = steps[0]

        def one(event: SourceEvent, _: Any) -> Any:
            value = event.value
            return value.get(only) if isinstance(value, dict) else None

        return one
    if len(steps) == 2 and isinstance(steps[1], str):
        outer, inner = steps

        def two(event: SourceEvent, _: Any) -> Any:
            value = event.value
            if isinstance(value, dict):
                value = value.get(outer)
                if isinstance(value, dict):
                    return value.get(inner)
            return None

        return two
    return lambda event, _: _walk(event.value, steps)


def _walk_each(steps: list[str | int]) -> Getter:
    return lambda _, each: _walk(each, steps)


def _walk(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        else:
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return None
            value = value[step]
    return value


class _Functions(functions.Functions):
    """JMESPath's functions and ours, for one event."""

    def __init__(self, event: SourceEvent) -> None:
        self._event = event

    @functions.signature({"types": []})
    def _func_parse_json(self, text: Any) -> Any:
        """What a text holds as JSON; what is no text (parsed before, or null) as it is."""
        return decode_json(text) if isinstance(text, str) else text

    @functions.signature({"types": ["string"]})
    def _func_header(self, name: str) -> Any:
        return _header(name)(self._event, None)


def _jmespath(text: str) -> Getter:
    try:
        expression = jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(
            f"{text!r} is neither a dotted path nor JMESPath: {_line(error)}"
        ) from None
    parsed, reads_each, reads_headers = expression.parsed, names_each(text), False
    for node in _calls(parsed):
        _check_call(node["value"], len(node["children"]))
        reads_headers = reads_headers or node["value"] == "header"
    shared = _interpreter(SourceEvent(None))  # to make one takes longer than most searches

    def search(event: SourceEvent, each: Any) -> Any:
        value = event.value
        if reads_each and isinstance(value, dict):
            value = {**value, "each": each}
        try:
            return (_interpreter(event) if reads_headers else shared).visit(parsed, value)
        except Rejected:
            raise
        except Exception as error:  # what a library raises on odd data is the data's fault
            raise Rejected(Reason.INVALID, f"path {text!r}: {_line(error)}") from None

    return search


def _interpreter(event: SourceEvent) -> TreeInterpreter:
    return TreeInterpreter(jmespath.Options(custom_functions=_Functions(event)))


def _calls(node: Any) -> Iterator[dict[str, Any]]:
    """The function calls in a parsed expression."""
    if isinstance(node, dict) and "type" in node:
        if node["type"] == "function_expression":
            yield node
        for child in node["children"]:
            yield from _calls(child)


def _check_call(name: str, given: int) -> None:
    table = _Functions.FUNCTION_TABLE
    if name not in table:
        near = get_close_matches(name, table, 1)
        raise ValueError(f"no function {name}()" + (f"; do you mean {near[0]}()?" if near else ""))
    signature = table[name]["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if given < len(signature) or (given > len(signature) and not variadic):
        raise ValueError(f"{name}() takes {len(signature)} arguments, not {given}")


def _line(error: Exception) -> str:
    """The first line of what went wrong, without the drawing below it."""
    return str(error).split(", for expression:")[0].split("\n")[0] or type(error).__name__
