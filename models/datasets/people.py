"""Collections of people whose interests are known, read from files.

A collection is a folder with `activities.jsonl` (the wire format, in time order) and `truth.csv`
(event_id, label), gzipped or not.
"""

import csv
import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from models.decoding import parse_activity
from models.errors import JourneysError, Rejected
from models.records import Activity
from models.vectors import Vectors

Encode: TypeAlias = Callable[[Sequence[str]], Vectors]
Half: TypeAlias = Literal["even", "odd", "all"]
Life: TypeAlias = list[tuple[Activity, str]]  # activities in time order, each with its label

# The engine's defaults are chosen on one half of the people and judged on the other. A collection
# of fewer is always used whole.
LEAST_TO_SPLIT: Final = 10


@dataclass(frozen=True, eq=False)
class Person:
    """One person's activities in time order, what each is about, and their vectors.

    Attributes:
        user_id: Who.
        activities: What they did.
        labels: The true interest behind each.
        vectors: Unit rows, one per activity, shape (n, dimensions).
    """

    user_id: str
    activities: Sequence[Activity]
    labels: Sequence[str]
    vectors: Vectors

    @property
    def moments(self) -> list[int]:
        """When, epoch ms."""
        return [activity.occurred_at for activity in self.activities]

    @property
    def items(self) -> list[str]:
        """With which item."""
        return [activity.item_id for activity in self.activities]


@dataclass(frozen=True, eq=False)
class Collection:
    """People who are judged together, and one line on where they come from."""

    name: str
    people: Sequence[Person]
    note: str


def is_collection(folder: Path) -> bool:
    """Whether the folder holds activities and their truth."""
    return all(_find(folder, name) is not None for name in ("activities.jsonl", "truth.csv"))


def read(folder: Path, half: Half, limit: int, encode: Encode, *, texts: bool = True) -> Collection:
    """Read a collection.

    Args:
        folder: With the two files.
        half: Which people, by their place among the sorted user ids.
        limit: Most people to keep.
        encode: Titles, with the texts behind them, to unit vectors.
        texts: Whether what activities say beside their titles counts.

    Raises:
        JourneysError: A file is broken, or an activity has no label; it says where.
    """
    lives = read_lives(folder, texts=texts)
    chosen = sorted(lives)
    whole = half == "all" or len(chosen) < LEAST_TO_SPLIT
    if not whole:
        chosen = chosen[half == "odd" :: 2]
    which = "all" if whole else f"the {half} ones"
    people = embedded({user_id: lives[user_id] for user_id in chosen[:limit]}, encode)
    note = f"{len(people)} of {len(lives)} people ({which})"
    return Collection(folder.name, people, note)


def read_lives(folder: Path, *, texts: bool = True) -> dict[str, Life]:
    """Each person's activities in time order, with labels.

    Args:
        folder: With the two files.
        texts: Whether what activities say beside their titles is kept.

    Raises:
        JourneysError: A file is missing or broken, or an activity has no label; it says where.
    """
    path, truth = _find(folder, "activities.jsonl"), _find(folder, "truth.csv")
    if path is None or truth is None:
        raise JourneysError(f"{folder}: activities.jsonl and truth.csv are wanted (.gz or not)")
    label_of = {row["event_id"]: row["label"] for row in rows(truth)}
    lives: dict[str, Life] = {}
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                activity = parsed(line, texts=texts)
                life = lives.setdefault(activity.user_id, [])
                life.append((activity, label_of[activity.event_id]))
            except (Rejected, KeyError) as error:
                what = error if isinstance(error, Rejected) else f"no label for {error}"
                raise JourneysError(f"{path}: line {number}: {what}") from None
    for life in lives.values():
        life.sort(key=lambda entry: entry[0].occurred_at)  # stable: ties stay as they came
    return lives


def parsed(line: bytes, *, texts: bool) -> Activity:
    """An activity from JSON, with or without what it says beside its title.

    Raises:
        Rejected: With the reason.
    """
    activity = parse_activity(line)
    return activity if texts else msgspec.structs.replace(activity, text=None)


def embedded(lives: dict[str, Life], encode: Encode) -> list[Person]:
    """The people with the vectors of their titles and the texts behind them."""
    contents = [activity.content for life in lives.values() for activity, _ in life]
    vectors, start, people = encode(contents), 0, []
    for user_id, life in lives.items():
        activities, labels = zip(*life, strict=True)
        people.append(Person(user_id, activities, labels, vectors[start : start + len(life)]))
        start += len(life)
    return people


def in_half(name: str, half: Half) -> bool:
    """Whether a topic is of that half; by its name, so that it holds in every collection.

    Names go in as `g:<group>`, `c:<intent>` or `s:<list>`. A tuned encoder may have been trained
    on the even half, never on the odd one.
    """
    odd = hashlib.sha256(name.lower().encode()).digest()[0] & 1
    return half == "all" or odd == (half == "odd")


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, gzipped or not."""
    with opened(path) as file:
        yield from csv.DictReader(line.decode() for line in file)


def opened(path: Path) -> gzip.GzipFile | BufferedReader:
    """A file's bytes, unpacked if its name ends in .gz."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
