"""A mapping: how events of theirs become activities, said in a TOML file and compiled once."""

from hashlib import sha256
from typing import Any, Final, Self

from models.activities import checked
from models.errors import Reason, Rejected
from models.mapping import file, values
from models.mapping.event import SourceEvent
from models.mapping.plan import Plan, compile_plan
from models.records import Activity, encode
from models.times import EARLIEST_MS, read_time

__all__ = ["Mapping", "SourceEvent"]

_ID_DIGITS: Final = 32  # of a derived event id: 128 bits


class Mapping:
    """Reads activities out of events. Pure: the same event always gives the same.

    Args:
        name: The preset's, or the file's.
        plan: What the file says, compiled.
        earliest_ms: No activity can be older, epoch ms.

    Attributes:
        name: As given.
        topics: Where `journeys intake` reads; empty where the file does not say.
        format: How bytes become an event: "json", "registry", or "auto" (a first byte of 0 means
            the registry).
        several: One event may give several activities (`each`).
    """

    name: str
    topics: tuple[str, ...]
    format: str
    several: bool

    def __init__(self, name: str, plan: Plan, earliest_ms: int = EARLIEST_MS) -> None:
        self.name = name
        self.topics = plan.topics
        self.format = plan.format
        self.several = plan.each is not None
        self._plan = plan
        self._get = plan.getters
        self._earliest_ms = earliest_ms

    @classmethod
    def load(cls, wanted: str, *, earliest_ms: int = EARLIEST_MS, titled: bool = True) -> Self:
        """Read a mapping.

        Args:
            wanted: A preset's name, or the path of a TOML file.
            earliest_ms: No activity can be older, epoch ms.
            titled: Whether an event without a title is rejected. If not, the title is then "":
                somebody else, a catalogue, knows it.

        Raises:
            SettingsError: One line: file, key, what is wrong.
        """
        path = file.find(wanted)
        name = path.stem if path.parent == file.PRESETS else path.name
        return cls(name, compile_plan(name, file.read(path), titled=titled), earliest_ms)

    def activities(self, event: SourceEvent) -> list[Activity]:
        """The activities of an event, in its own order; none when it does not count.

        Raises:
            Rejected: With the reason. It is raised for the event as a whole: of an event that
                holds several, all are read or none.
        """
        each = self._plan.each
        elements = None if each is None else each(event, None)
        if not isinstance(elements, list) or not elements:
            return [self._activity(event, None)] if self._counts(event, None) else []
        return [
            self._activity(event, element, f"/{number}")
            for number, element in enumerate(elements)
            if self._counts(event, element)
        ]

    def _counts(self, event: SourceEvent, each: Any) -> bool:
        return all(condition(event, each) for condition in self._plan.only)

    def _activity(self, event: SourceEvent, each: Any, element: str = "") -> Activity:
        plan = self._plan
        user_id = self._needed("user_id", event, each)
        item_id = self._needed("item_id", event, each)
        title = (self._needed if plan.titled else self._text)("title", event, each)
        moment = self._value("occurred_at", event, each)
        if moment is None:
            raise self._missing("occurred_at")
        occurred_at = read_time(moment, plan.unit, plan.zone, self._earliest_ms)
        type = self._text("type", event, each)
        event_id = self._text("event_id", event, each)
        if event_id is None:
            content = encode([user_id, item_id, title, type, occurred_at])
            event_id = sha256(content).hexdigest()[:_ID_DIGITS]
        elif plan.shared_id:
            event_id += element
        weight = self._value("weight", event, each)
        return checked(
            event_id,
            user_id,
            item_id,
            title or "",
            occurred_at,
            type,
            plan.weights.get(type, 1.0) if weight is None else values.weight(weight),
            values.terms(self._value("terms", event, each)),
            values.vector(self._value("vector", event, each)),
            self._text("text", event, each),
            titled=plan.titled,
        )

    def _value(self, field: str, event: SourceEvent, each: Any) -> Any:
        getter = self._get.get(field)
        if getter is None:
            return None
        value = getter(event, each)
        return None if value == "" else value

    def _text(self, field: str, event: SourceEvent, each: Any) -> str | None:
        getter = self._get.get(field)
        if getter is None:
            return None
        value = getter(event, each)
        if type(value) is str and value.isascii():  # as most are
            return value or None
        return values.text(field, value) or None

    def _needed(self, field: str, event: SourceEvent, each: Any) -> str:
        found = self._text(field, event, each)
        if found is None:
            raise self._missing(field)
        return found

    def _missing(self, field: str) -> Rejected:
        return Rejected(
            Reason.MISSING, f"{field}: nothing at {' or '.join(self._plan.paths[field])}"
        )
