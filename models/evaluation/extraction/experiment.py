"""All methods on all collections: how well journeys are extracted.

The paper's two experiments (arXiv 2305.15498, on journey extraction) are readings of it. E1, on
people: personalised clusters give longer journeys, and one to three of them a person, where
clusters that are the same for everybody break them up. E2, on streams that mix two lists as the
paper mixes two playlists: how well the two are taken apart again, as recall of their items.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from models.datasets import invented, people, topics
from models.datasets.people import Collection, Encode, Half, Person
from models.engine.params import EngineParams
from models.errors import SettingsError
from models.evaluation.extraction import baselines, several
from models.evaluation.extraction.judge import Found, Score, by_rule, score
from models.evaluation.extraction.methods import COOCCURRENCE, ENGINE, METHODS, Method, Tick

Reading: TypeAlias = Literal["people", "mixed", "texts"]

ON_TEXTS: Final = ("engine", "leader", "DBSTREAM", "DenStream", "k-means of all", "true centroids")


@dataclass(frozen=True)
class Sizes:
    """How much is evaluated.

    Attributes:
        people: Most people of a collection that is read.
        invented: Invented people.
        pairs: Mixed lists, of each kind.
        texts: Texts of each label in the streams of short texts.
        slow: Activities after which a slow method gets no more people.
    """

    people: int
    invented: int
    pairs: int
    texts: int
    slow: int


FULL: Final = Sizes(people=1_000, invented=60, pairs=60, texts=30, slow=1_500)
QUICK: Final = Sizes(people=20, invented=12, pairs=12, texts=6, slow=300)


@dataclass(frozen=True)
class Row:
    """One method on one collection.

    Attributes:
        method: Its name.
        kind: Its kind.
        score: How well it did, at its best choice.
        choice: That choice: the best F1 on these very people (on short texts: the best V); None
            where there is nothing to choose.
        people: How many it was judged on.
    """

    method: str
    kind: str
    score: Score
    choice: float | None
    people: int


@dataclass(frozen=True, eq=False)
class Result:
    """All methods on one collection.

    Attributes:
        collection: The people.
        reading: What was asked of them.
        truth: What a perfect clusterer would score.
        rows: The methods.
        engine: What the engine found in each person.
    """

    collection: Collection
    reading: Reading
    truth: Score
    rows: list[Row]
    engine: list[Found]


def available(data: Path) -> list[str]:
    """Names of the collections that the folder has or that can be made from it.

    Without those that are judged by pairs (`several.available`).

    Raises:
        SettingsError: It has none.
    """
    if not data.is_dir():
        raise SettingsError(f"{data}: no such folder of evaluation data")
    names = sorted(
        folder.name for folder in data.iterdir() if folder.is_dir() and people.is_collection(folder)
    )
    names += [
        name
        for name, there in (
            ("invented", topics.are_there(data)),
            ("mixed", invented.has_lists(data)),
            ("texts", topics.are_there(data) or invented.has_intents(data)),
        )
        if there
    ]
    if not names and not several.available(data):
        raise SettingsError(
            f"{data}: no collection in it (folders with activities.jsonl and "
            "truth.csv, gzipped or not)"
        )
    return names


def collections(
    data: Path, name: str, half: Half, sizes: Sizes, encode: Encode, *, texts: bool = True
) -> Iterator[tuple[Reading, Collection]]:
    """The collections behind a name, each read or made when it is asked for.

    Args:
        data: The folder of all data.
        name: Of `available(data)`.
        half: Which people, topics, intents and lists.
        sizes: How many of them.
        encode: Titles, with the texts behind them, to unit vectors.
        texts: Whether what activities say beside their titles counts.

    Raises:
        JourneysError: A file is broken.
    """
    if name == "invented":
        yield "people", invented.people(data, half, sizes.invented, encode)
    elif name == "mixed":
        for alike in (False, True):
            yield "mixed", invented.mixed(data, half, sizes.pairs, encode, alike=alike)
    elif name == "texts":
        for stream in invented.short_texts(data, half, sizes.texts, encode):
            yield "texts", stream
    else:
        yield "people", people.read(data / name, half, sizes.people, encode, texts=texts)


def methods_for(collection: Collection, reading: Reading) -> list[Method]:
    """The methods that make sense on a collection."""
    if reading == "texts":
        return [method for method in METHODS if method.name in ON_TEXTS]
    shared = baselines.items_are_shared(collection.people)
    return [method for method in METHODS if method is not COOCCURRENCE or shared]


def work(collection: Collection, reading: Reading, sizes: Sizes) -> int:
    """How many activities `evaluate` will tell its tick of."""
    return sum(
        len(method.choices) * len(person.activities)
        for method in methods_for(collection, reading)
        for person in _judged(method, collection.people, sizes)
    )


def evaluate(
    collection: Collection, reading: Reading, params: EngineParams, sizes: Sizes, tick: Tick
) -> Result:
    """Run every method that makes sense on a collection.

    Args:
        collection: The people.
        reading: What is asked of them.
        params: The engine's settings; the promotion rule in them holds for all methods.
        sizes: How many people a slow method gets.
        tick: Told of the progress.
    """
    crowd = collection.people
    rows: list[Row] = []
    by_engine: list[Found] = []
    for method in methods_for(collection, reading):
        judged = _judged(method, crowd, sizes)
        row, findings = _at_its_best(method, judged, params, reading, tick)
        rows.append(row)
        if method is ENGINE:
            by_engine = findings
    numbers = {
        label: i
        for i, label in enumerate(sorted({label for person in crowd for label in person.labels}))
    }
    truth = [
        by_rule(person, [numbers[label] for label in person.labels], params) for person in crowd
    ]
    return Result(collection, reading, score(crowd, truth, params), rows, by_engine)


def _at_its_best(
    method: Method, judged: Sequence[Person], params: EngineParams, reading: Reading, tick: Tick
) -> tuple[Row, list[Found]]:
    """The method at the choice that suits it best."""
    tried = []
    for choice in method.choices:
        findings = method.find(judged, choice, params, tick)
        tried.append((score(judged, findings, params), choice, findings))
    own, choice, findings = max(
        tried, key=lambda trial: (0.0 if reading == "texts" else trial[0].f1, trial[0].v_measure)
    )
    chosen = choice if len(method.choices) > 1 else None
    return Row(method.name, method.kind, own, chosen, len(judged)), findings


def _judged(method: Method, crowd: Sequence[Person], sizes: Sizes) -> Sequence[Person]:
    """The people a method gets: a slow one the first of them, at least one."""
    if not method.slow:
        return crowd
    activities, number = 0, 0
    while number < len(crowd) and activities < sizes.slow:
        activities += len(crowd[number].activities)
        number += 1
    return crowd[:number]
