"""An encoder folder made from another one and titles: map and scale fitted, gain measured."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import onnx

from models.datasets.people import embedded
from models.encoders.config import read_config
from models.encoders.encoder import SHIPPED, Encoder
from models.encoders.onnx_folder import find_model
from models.encoders.tuning import graph, measure, scale, space
from models.encoders.tuning.space import Space
from models.engine.params import SCALE, Scale
from models.errors import SettingsError
from models.vectors import Vectors

Encode: TypeAlias = Callable[[Sequence[str]], Vectors]

LEAST_TITLES: Final = 1_000  # of which a map can be learned
LEAST_MEMBERS: Final = 8  # titles of a class that says anything
MOST_TITLES: Final = 60_000  # that are encoded; of more, these are drawn
PEOPLE: Final = 40  # invented, of each kind
TRIES: Final = 60


@dataclass(frozen=True)
class Gain:
    """One measure on titles that nothing was learned from, before and after."""

    measure: str
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """What was fitted, on what, and what it gained."""

    space: Space
    scale: Scale
    fitted_on: str
    gains: list[Gain]


def fit(
    encode: Encode,
    before: Scale,
    titles: Sequence[str],
    labels: Mapping[str, str],
    tries: int = TRIES,
    tick: scale.Tick = lambda _done, _best: None,
) -> Fitted:
    """Fit a map, and a scale where labels tell what belongs together.

    Classes go whole to one of three parts: the map is learned on the first, the scale on the
    second, and what both gained is measured on the third.

    Args:
        encode: Titles to the unit vectors of the encoder as it is.
        before: Its scale.
        titles: Distinct.
        labels: What some of them belong to: a category, a session.
        tries: Changes of the scale that are tried.
        tick: Told how far the scale is.

    Raises:
        SettingsError: There are too few titles.
    """
    if len(titles) < LEAST_TITLES:
        raise SettingsError(f"{len(titles)} different titles, at least {LEAST_TITLES} are wanted")
    encode = remembering(encode)
    classes = _classes(titles, labels)
    if len(classes) >= 3 * scale.LEAST_CLASSES:
        return _with_labels(encode, before, classes, tries, tick)
    known, judged = _parts(titles, 2, (0, 0, 0, 1))
    vectors = encode(known)
    fitted = space.whitened(vectors, _shrink(vectors, space.SHRINK_TOTAL))
    lent = read_config(SHIPPED["best"]).scale or SCALE
    classes = _classes(judged, dict(zip(judged, measure.guessed(encode(judged)), strict=True)))
    about = f"{len(known):,} titles without labels (judged by classes that are guessed)"
    return Fitted(fitted, lent, about, _journeys(encode, before, fitted, lent, classes))


def _with_labels(
    encode: Encode, before: Scale, classes: Mapping[str, list[str]], tries: int, tick: scale.Tick
) -> Fitted:
    parts = [
        {name: classes[name] for name in names}
        for names in _parts(sorted(classes), 3, (0, 0, 0, 1, 2))
    ]
    vectors = [encode([title for own in part.values() for title in own]) for part in parts]
    names = [[name for name, own in part.items() for _ in own] for part in parts]
    shrink = _shrink(vectors[0], space.SHRINK)
    fitted = space.between_classes(vectors[0], names[0], vectors[0].shape[1], shrink)
    tuning = embedded(
        scale.lives(parts[1], PEOPLE, "tuning"), lambda titles: fitted.apply(encode(titles))
    )
    first = scale.start(fitted.apply(vectors[1]), names[1])
    best, _ = scale.fit(tuning, first, tries, tick)
    gains = [
        Gain(
            "titles of one class more alike than others",
            measure.told_apart(vectors[2], names[2]),
            measure.told_apart(fitted.apply(vectors[2]), names[2]),
        ),
        *_journeys(encode, before, fitted, best, parts[2]),
    ]
    titles = sum(len(own) for part in parts for own in part.values())
    return Fitted(fitted, best, f"{titles:,} titles of {len(classes):,} classes", gains)


def write(encoder: Encoder, fitted: Fitted, out: Path, **said: str | list[str]) -> Encoder:
    """Write an encoder with its map and scale as a folder of its own.

    Args:
        encoder: As it is.
        fitted: What is folded in.
        out: The new folder; not the old one. Its name is the new encoder's.
        said: What else is said of the encoder, or otherwise: fields of its `config.json`.

    Returns:
        The new encoder.

    Raises:
        ModelError: The model cannot be changed so.
    """
    base = encoder.folder
    model = onnx.load(find_model(base))
    graph.fold(model, encoder.output, encoder.pooling, fitted.space)
    graph.pack(model)
    content = model.SerializeToString(deterministic=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(content)
    shutil.copyfile(base / "tokenizer.json", out / "tokenizer.json")
    old = read_config(base)
    about = {
        "name": out.resolve().name,
        "version": hashlib.sha256(content).hexdigest()[:8],
        "licence": old.licence,
        "languages": list(old.languages),
        "dimensions": fitted.space.directions.shape[1],
        "max_tokens": old.max_tokens,
        "prefix": old.prefix,
        "scale": fitted.scale._asdict(),
        "fitted_on": fitted.fitted_on,
    }
    (out / "config.json").write_text(json.dumps(about | said, indent=2) + "\n", "utf-8")
    return Encoder(out)


def remembering(encode: Encode) -> Encode:
    """The same, each title once."""
    known: dict[str, Vectors] = {}

    def encoded(titles: Sequence[str]) -> Vectors:
        new = [title for title in dict.fromkeys(titles) if title not in known]
        known.update(zip(new, encode(new), strict=True))
        return np.stack([known[title] for title in titles])

    return encoded


def _journeys(
    encode: Encode, before: Scale, fitted: Space, after: Scale, classes: Mapping[str, list[str]]
) -> list[Gain]:
    """What is found of people who are invented on these classes."""
    strangers = scale.lives(classes, PEOPLE, "judged")
    raw = embedded(strangers, encode)
    mapped = embedded(strangers, lambda titles: fitted.apply(encode(titles)))
    found = [scale.judge(raw, before), scale.judge(mapped, after)]
    return [
        Gain("journeys found (F1)", found[0].f1, found[1].f1),
        Gain("clusters agree with classes (V)", found[0].v_measure, found[1].v_measure),
    ]


def _shrink(vectors: Vectors, least: float) -> float:
    """Share of the mean variance in a covariance: more of it where few titles say what varies."""
    titles, inputs = vectors.shape
    return float((least * titles + inputs) / (titles + inputs))


def _classes(titles: Sequence[str], labels: Mapping[str, str]) -> dict[str, list[str]]:
    classes: dict[str, list[str]] = {}
    for title in titles:
        if label := labels.get(title):
            classes.setdefault(label, []).append(title)
    return {label: own for label, own in classes.items() if len(own) >= LEAST_MEMBERS}


def _parts(names: Sequence[str], number: int, shares: Sequence[int]) -> list[list[str]]:
    """Names in parts, by their hash: the same ones in every run."""
    parts: list[list[str]] = [[] for _ in range(number)]
    for name in names:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        parts[shares[digest[0] % len(shares)]].append(name)
    return parts


def drawn(titles: Sequence[str]) -> list[str]:
    """At most MOST_TITLES of them, at random and the same ones in every run."""
    random = np.random.default_rng(0)
    if len(titles) <= MOST_TITLES:
        return list(titles)
    return [titles[i] for i in np.sort(random.choice(len(titles), MOST_TITLES, replace=False))]
