"""A mapping's tables compiled: paths to getters, conditions to tests, names to zones and units."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from models.activities import MAX_WEIGHT
from models.errors import SettingsError
from models.mapping import file
from models.mapping.conditions import TESTS, Condition, compile_condition, number
from models.mapping.paths import Getter, compile_path, compile_paths, names_each
from models.times import RFC3339, UNITS


class Plan(NamedTuple):
    """What a mapping file says.

    Attributes:
        topics: Where to read.
        format: How bytes become an event.
        titled: Whether an activity needs a title.
        each: Finds the elements that are an activity each; None where an event is one.
        getters: By field, of those that the file says.
        paths: By field, as written, for errors.
        shared_id: The elements of an event share one event id, of which each makes its own.
        unit: Of times; see `read_time`.
        zone: Of times without an offset.
        weights: By type.
        only: The conditions; all must hold.
    """

    topics: tuple[str, ...]
    format: str
    titled: bool
    each: Getter | None
    getters: Mapping[str, Getter]
    paths: Mapping[str, list[str]]
    shared_id: bool
    unit: str | None
    zone: tzinfo | None
    weights: Mapping[str | None, float]
    only: tuple[Condition, ...]


def compile_plan(name: str, tables: Mapping[str, Any], *, titled: bool = True) -> Plan:
    """Compile the tables of a mapping file.

    Args:
        name: Of the file, for errors.
        tables: What `file.read` gives.
        titled: Whether an activity needs a title.

    Raises:
        SettingsError: One line: file, key, what is wrong.
    """
    return _Compiler(name, "each" in tables).plan(tables, titled)


class _Compiler:
    def __init__(self, name: str, several: bool) -> None:
        self._name = name
        self._several = several

    def plan(self, tables: Mapping[str, Any], titled: bool) -> Plan:
        fields, time = tables.get("activity", {}), tables.get("time", {})
        for field in (*file.REQUIRED, *(["title"] if titled else [])):
            if fields.get(field) in (None, []):
                hint = ' ("$timestamp" is the record\'s own)' if field == "occurred_at" else ""
                raise self._wrong(f"activity.{field}", f"a path is wanted{hint}")
        paths = {
            field: self._paths(f"activity.{field}", fields.get(field)) for field in file.FIELDS
        }
        return Plan(
            topics=self._topics(tables.get("topics", [])),
            format=self._one_of("format", tables.get("format", "json"), file.FORMATS),
            titled=titled,
            each=self._path("each", tables["each"]) if self._several else None,
            getters={
                field: self._getter(f"activity.{field}", paths[field], fields.get(field))
                for field in file.FIELDS
                if fields.get(field) not in (None, [])
            },
            paths=paths,
            shared_id=self._several and not any(map(names_each, paths["event_id"])),
            unit=self._unit(time.get("unit")),
            zone=self._zone(time.get("zone")),
            weights=self._weights(tables.get("weights", {})),
            only=tuple(
                self._condition(f"only[{i}]", table)
                for i, table in enumerate(tables.get("only", []), 1)
            ),
        )

    def _wrong(self, key: str, what: object) -> SettingsError:
        return SettingsError(f"{self._name}: {key}: {what}")

    def _topics(self, given: list[Any]) -> tuple[str, ...]:
        if not all(isinstance(topic, str) and topic for topic in given):
            raise self._wrong("topics", "a list of texts is wanted")
        return tuple(given)

    def _one_of(self, key: str, given: Any, known: tuple[str, ...], more: str = "") -> str:
        if given in known:
            return str(given)
        near = get_close_matches(str(given), known, 1)
        hint = f"do you mean {near[0]}?" if near else f"known: {', '.join(known)}{more}"
        raise self._wrong(key, f"{given!r} is unknown; {hint}")

    def _unit(self, given: Any) -> str | None:
        if given is None:
            return None
        if not isinstance(given, str) or "%" not in given:
            return self._one_of("time.unit", given, (*UNITS, RFC3339), ", or a strptime format")
        try:
            datetime.strptime("", given)  # noqa: DTZ007
        except ValueError as error:
            if "does not match" not in str(error):
                raise self._wrong("time.unit", error) from None
        return given

    def _zone(self, given: Any) -> tzinfo | None:
        if given in (None, "UTC"):
            return UTC if given else None  # a machine without a database of zones knows it, too
        try:
            return ZoneInfo(given)
        except (KeyError, ValueError, TypeError, AttributeError, OSError):
            raise self._wrong(
                "time.zone", f"{given!r} is no zone that this machine knows"
            ) from None

    def _weights(self, table: Mapping[str, Any]) -> dict[str | None, float]:
        for key, value in table.items():
            found = None if isinstance(value, str) else number(value)
            if found is None or not 0 < found <= MAX_WEIGHT:
                raise self._wrong(f"weights.{key}", f"a number in (0, {MAX_WEIGHT:g}] is wanted")
        return {key: float(value) for key, value in table.items()}

    def _condition(self, key: str, table: Mapping[str, Any]) -> Condition:
        tests = {name: wanted for name, wanted in table.items() if name != "path"}
        if table.get("path") in (None, []) or not tests:
            raise self._wrong(key, f"a path and a test ({', '.join(TESTS)}) are wanted")
        path = table["path"]
        getter = self._getter(f"{key}.path", self._paths(f"{key}.path", path), path)
        for name, wanted in tests.items():
            try:
                compile_condition(getter, {name: wanted})
            except ValueError as error:
                raise self._wrong(f"{key}.{name}", error) from None
        return compile_condition(getter, tests)

    def _paths(self, key: str, given: Any) -> list[str]:
        if isinstance(given, dict):
            if given.keys() != {"value"}:
                raise self._wrong(key, 'a constant is written {value = "…"}')
            return []
        paths = [] if given is None else given if isinstance(given, list) else [given]
        if not all(isinstance(path, str) and path for path in paths):
            raise self._wrong(key, "a path, or a list of paths, is wanted")
        return paths

    def _getter(self, key: str, paths: list[str], given: Any) -> Getter:
        if isinstance(given, dict):
            constant = given["value"]
            return lambda event, each: constant
        for path in paths:
            self._path(key, path)
        return compile_paths(paths)

    def _path(self, key: str, path: str) -> Getter:
        if not self._several and path.split(".")[0] == "each":
            raise self._wrong(key, f"{path}: this mapping has no `each`")
        try:
            return compile_path(path)
        except ValueError as error:
            raise self._wrong(key, error) from None
