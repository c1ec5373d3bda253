"""Makes the encoder `best`: bge-small-en-v1.5, taught, with a map and a scale of its own.

It learns to tell classes apart (`best_texts`), and to see the rest as bge-small and e5-small do
together, each behind a map of its own (`distil`). Of the data on which encoders are judged it sees
even sections and even intents, and no community; the scale is chosen on even people. All are judged
on odd ones. From the project's root, with Maven, Debian's wordnet-base, torch, and the extra
`encoder`:

    python -m models.encoders.training.tune_best --data DATA --out models/encoders/best

Takes about two hours of two cores with AVX-512; what is done is kept in --cache.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch

from models.datasets import invented, people
from models.datasets.people import Half, Person
from models.encoders.encoder import Encoder
from models.encoders.onnx_folder import open_tokenizer
from models.encoders.training import bert, distil
from models.encoders.training.best_texts import classes, general
from models.encoders.training.small_sources import BGE, E5, MAX_TOKENS, fetched
from models.encoders.tuning import graph, scale, space
from models.encoders.tuning.tune import Encode, Fitted, remembering, write
from models.engine.params import SCALE, Scale
from models.vectors import Vectors

VERSION: Final = "2.0.0"
EACH: Final = 60  # titles of a class to learn from
MAPPED: Final = 25  # of them for a map
GENERAL: Final = 8_000  # texts of no class, of each kind
SHRINK: Final = 0.3  # of the maps
STEPS: Final = 700
TAUGHT: Final = 0.5  # of the taught weights; the rest as they came (Wortsman et al. 2022)
PEOPLE: Final = 60  # invented ones
TRIES: Final = 100
BETWEEN: Final = 0.6  # where the scale's search begins: a share of how alike titles of a class are
FITTED_ON: Final = (
    "700 communities of topics/more, even sections and intents; scale: even people of reddit_users "
    "and of topics/"
)


def mapped(
    encode: Encode, titles: dict[str, list[str]], shrink: float = SHRINK
) -> tuple[space.Space, float]:
    """The map in which classes lie apart, and how alike titles of a class are there on average."""
    own = {name: texts[:MAPPED] for name, texts in titles.items()}
    vectors = encode([text for texts in own.values() for text in texts])
    names = [name for name, texts in own.items() for _ in texts]
    found = space.between_classes(vectors, names, shrink=shrink)
    return found, scale.within(found.apply(vectors), names)


def read_by(
    encoder: Encoder, titles: dict[str, list[str]], texts: list[str], kept: Path
) -> tuple[space.Space, Vectors]:
    """A teacher's map, and its vectors of texts, which are kept in a file for the next run."""
    if kept.is_file():
        vectors = np.load(kept).astype(np.float32)
    else:
        vectors = encoder.encode(texts)
        np.save(kept, vectors.astype(np.float16))
    place = {text: row for row, text in enumerate(texts)}

    def known(wanted: Sequence[str]) -> Vectors:
        return np.asarray(vectors[[place[text] for text in wanted]])

    return mapped(known, titles)[0], vectors


def teach(data: Path, cache: Path, steps: int) -> Path:
    """Teach bge-small; returns the folder with the taught model.

    Args:
        data: The folder of all data.
        cache: For what is fetched and computed.
        steps: Batches.
    """
    source, out = fetched(BGE, cache), cache / f"bge-taught-{steps}"
    if (out / "config.json").is_file():
        return out
    titles = classes(data, EACH)
    number = {text: n for n, own in enumerate(titles.values()) for text in own}
    texts = [*dict.fromkeys([*number, *general(GENERAL)])]
    teachers = [(Encoder(fetched(each, cache)), cache / f"{each.model}.npy") for each in (BGE, E5)]
    maps, vectors = zip(
        *(read_by(encoder, titles, texts, kept) for encoder, kept in teachers), strict=True
    )
    taught = [own.apply(rows) for own, rows in zip(maps, vectors, strict=True)]
    rows = np.hstack(taught) / np.sqrt(len(taught))
    lesson = distil.Lesson(texts, np.array([*number.values()]), rows.astype(np.float32))
    student = bert.load(source / "model.onnx")
    torch.manual_seed(0)
    tokenizer = open_tokenizer(source / "tokenizer.json", MAX_TOKENS)
    distil.train(student, tokenizer, maps[0], lesson, steps)
    model = onnx.load(source / "model.onnx")
    bert.mix(student, bert.load(source / "model.onnx"), TAUGHT)
    bert.store(student, model)
    graph.pack(model)  # what is fitted later is fitted to the weights as bytes
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(model, out / "model.onnx")
    for name in ("tokenizer.json", "config.json"):
        shutil.copyfile(source / name, out / name)
    return out


def lives(data: Path, half: Half, encode: Encode) -> dict[str, Sequence[Person]]:
    """The people of one half, read and invented."""
    return {
        "reddit_users": people.read(data / "reddit_users", half, 1_000, encode).people,
        "invented": invented.people(data, half, PEOPLE, encode).people,
    }


def fit(
    data: Path, encode: Encode, titles: dict[str, list[str]], shrink: float, tries: int
) -> Fitted:
    """Fit map and scale, judge both, and print how.

    Args:
        data: The folder of all data.
        encode: Titles to unit vectors of the model.
        titles: By class, for the map.
        shrink: Of the map.
        tries: Changes of the scale that are tried.
    """
    own, alike = mapped(encode, titles, shrink)

    def final(texts: Sequence[str]) -> Vectors:
        return own.apply(encode(texts))

    even = lives(data, "even", final)
    crowd = [person for group in even.values() for person in group]
    first = SCALE._replace(between=round(BETWEEN * alike, 3))
    best, _ = scale.fit(
        crowd, first, tries, lambda done, value: print(done, f"{value:.4f}", flush=True)
    )
    tell("even", even, best)
    tell("odd", lives(data, "odd", final), best)
    return Fitted(own, best, FITTED_ON, [])


def tell(half: Half, groups: dict[str, Sequence[Person]], best: Scale) -> None:
    """Print how well journeys are found of people."""
    for name, group in groups.items():
        for what, tried in (("fast's scale", SCALE), ("fitted", best)):
            judged = scale.judge(group, tried)
            print(
                f"{half} people of {name}, {what}: F1 {judged.f1:.3f}, V {judged.v_measure:.3f}, "
                f"delay {judged.delay}",
                flush=True,
            )


def main() -> None:
    """Fetch, teach, fit, write."""
    parser = argparse.ArgumentParser(description="Make the encoder `best`.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/interest-journeys")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of the lesson")
    parser.add_argument("--tries", type=int, default=TRIES, help="changes of the scale")
    args = parser.parse_args()
    encoder = Encoder(teach(args.data, args.cache, args.steps))
    encode = remembering(encoder.encode)
    fitted = fit(args.data, encode, classes(args.data, EACH), SHRINK, args.tries)
    made = write(
        encoder,
        fitted,
        args.out,
        name="journeys-bge-small",
        version=VERSION,
        licence="MIT",
        languages=["en"],
        trained_on=[
            "reddit-top-2.5-million",
            "curated lists (CC0, CC BY, MIT)",
            "clinc/oos-eval",
            "WordNet's glosses",
            "Debian's package descriptions",
        ],
    )
    print(f"{args.out}: {made.name}")


if __name__ == "__main__":
    main()
