"""Workloads: a YAML file says how large, a seed makes the log of activities from it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from models.engine.params import DAY_MS
from models.text.keywords import terms_of
from streams.demo.sample.generator import START, catalogue

FOLDER = Path(__file__).parent / "workloads"

# Log-normal: the busiest tenth of the users brings about a third of the activities.
ACTIVITY_SPREAD = 0.8


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One workload; the same values give the same log, byte for byte.

    Attributes:
        events: Activities in the log.
        users: Who they are spread over; some are much busier than others.
        zipf: How much busier some users are than others: the n-th by 1 / n ** zipf. 0: log-normal.
        interests: Per user, each half as strong as the one before.
        titles: Vocabulary: titles per interest of the catalogue.
        new_titles: Share of activities with a title nobody had before, while there are some left.
        weeks: Event time that the log spans.
        partitions: Of every topic.
        stock_events: After how many the stock Faust agent may stop: it is the slow one.
        repetitions: Times that each system runs.
        seed: Of all that is random.
    """

    events: int
    users: int
    zipf: float = 0.0
    interests: int = 4
    titles: int = 200
    new_titles: float = 0.05
    weeks: int = 12
    partitions: int = 4
    stock_events: int = 20_000
    repetitions: int = 3
    seed: int = 7


class Event(NamedTuple):
    """One activity of the log: the record's key and value, and what must be encoded for it."""

    key: bytes
    value: bytes
    item: tuple[str, str]


def load(name: str, **changes: int | None) -> Workload:
    """A workload by the name of its file.

    Raises:
        msgspec.ValidationError: It has unknown or wrong fields.
        OSError: There is none of that name.
    """
    read: Workload = msgspec.yaml.decode((FOLDER / f"{name}.yaml").read_bytes(), type=Workload)
    return msgspec.structs.replace(
        read, **{field: value for field, value in changes.items() if value is not None}
    )


def names() -> list[str]:
    """The workloads that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def generate(workload: Workload) -> list[Event]:
    """The log, in the order of event time."""
    random = np.random.default_rng(workload.seed)
    shelves = [_Shelf(name, titles, random) for name, titles in _titles(workload, random)]
    rates = (
        random.permutation(1.0 / np.arange(1, workload.users + 1) ** workload.zipf)
        if workload.zipf
        else random.lognormal(sigma=ACTIVITY_SPREAD, size=workload.users)
    )
    users = random.choice(workload.users, size=workload.events, p=rates / rates.sum())
    tastes = np.array(
        [
            random.choice(len(shelves), workload.interests, replace=False)
            for _ in range(workload.users)
        ]
    )
    strengths = 0.5 ** np.arange(workload.interests)
    choices = random.choice(workload.interests, size=workload.events, p=strengths / strengths.sum())
    first = int(START.timestamp() * 1000)
    moments = first + np.sort(random.integers(workload.weeks * 7 * DAY_MS, size=workload.events))
    fresh = random.random(workload.events) < workload.new_titles
    events = []
    for number, (user, choice, moment, new) in enumerate(
        zip(users.tolist(), choices.tolist(), moments.tolist(), fresh.tolist(), strict=True)
    ):
        item = shelves[tastes[user, choice]].take(new)
        user_id = f"u{user:06d}"
        value = json.dumps(
            {
                "event_id": f"e{number:08d}",
                "user_id": user_id,
                "item_id": item[0],
                "title": item[1],
                "type": "view",
                "occurred_at": moment,
                "v": 1,
            }
        )
        events.append(Event(user_id.encode(), value.encode(), item))
    return events


class _Shelf:
    """The items of one interest, of which more and more become known."""

    def __init__(self, name: str, titles: list[str], random: np.random.Generator) -> None:
        self._items = [(f"{name}-{number:04d}", title) for number, title in enumerate(titles)]
        self._known = 0
        self._random = random

    def take(self, new: bool) -> tuple[str, str]:
        if (new or not self._known) and self._known < len(self._items):
            self._known += 1
            return self._items[self._known - 1]
        return self._items[int(self._random.random() * self._known)]


def _titles(workload: Workload, random: np.random.Generator) -> Iterator[tuple[str, list[str]]]:
    """Titles per interest, made of the words that the catalogue's titles of it are made of."""
    for entry in catalogue():
        words = sorted({term for item in entry["items"] for term in terms_of(item["title"])})
        yield (
            entry["interest"],
            [" ".join(random.choice(words, 5, replace=False)) for _ in range(workload.titles)],
        )
