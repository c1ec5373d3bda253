"""Makes the encoder `best`: bge-small-en-v1.5, with a map and a scale of its own.

The map is learned on the communities of topics/more.csv.gz, of which no other data here knows any;
the scale on the even people of reddit_users and of those that are invented on posts of topics/.
Both are judged on the odd ones. From the project's root, with Maven, and the extra `encoder`:

    python -m models.encoders.training.tune_best --data DATA --out models/encoders/best

Takes about half an hour of one core, half of it for encoding.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import onnx

from models.datasets import invented, people
from models.datasets.people import Half, Person, rows
from models.encoders.encoder import Encoder
from models.encoders.training.bge_source import fetch
from models.encoders.tuning import graph, scale, space
from models.encoders.tuning.tune import Encode, Fitted, remembering, write
from models.engine.params import SCALE
from models.errors import ModelError
from models.vectors import Vectors

VERSION: Final = "1.0.0"
MAX_TOKENS: Final = 64  # a longer title says nothing new after them
EACH: Final = 20  # titles of a community: 40 of each gave no more on even people
DRAWN: Final = 100  # so that more of each begin with the same ones
PEOPLE: Final = 60  # invented ones
TRIES: Final = 240
FITTED_ON: Final = (
    "map: 700 communities of topics/more; scale: even people of reddit_users and of topics/"
)


def base(source: Path, out: Path) -> Encoder:
    """The model as it is, with its weights as bytes: what is fitted is fitted to those."""
    out.mkdir(parents=True, exist_ok=True)
    model = onnx.load(source / "model.onnx")
    graph.pack(model)
    onnx.save(model, out / "model.onnx")
    shutil.copyfile(source / "tokenizer.json", out / "tokenizer.json")
    about = {"max_tokens": MAX_TOKENS, "pooling": "cls"}
    (out / "config.json").write_text(json.dumps(about), "utf-8")
    return Encoder(out)


def communities(data: Path, each: int) -> dict[str, list[str]]:
    """Titles of the communities of topics/more.

    Raises:
        ModelError: One of them is in the data on which the encoder is judged.
    """
    random = Random(0)
    titles: dict[str, list[str]] = {}
    for row in rows(data / "topics" / "more.csv.gz"):
        if title := row["title"].strip():
            titles.setdefault(row["label"], []).append(title)
    known = {
        row["label"]
        for path in (*(data / "topics").glob("posts_*.csv.gz"), data / "reddit_users/truth.csv.gz")
        for row in rows(path)
    }
    if shared := known & titles.keys():
        raise ModelError(f"topics/more: {', '.join(sorted(shared))} would not be held out")
    return {label: random.sample(own, min(DRAWN, len(own)))[:each] for label, own in titles.items()}


def lives(data: Path, half: Half, encode: Encode) -> dict[str, Sequence[Person]]:
    """The people of one half, read and invented."""
    return {
        "reddit_users": people.read(data / "reddit_users", half, 1_000, encode).people,
        "invented": invented.people(data, half, PEOPLE, encode).people,
    }


def fit(data: Path, encode: Encode, each: int, tries: int) -> Fitted:
    """Fit map and scale, judge both, and print how.

    Args:
        data: The folder of all data.
        encode: Titles to unit vectors of the model as it is.
        each: Titles of a community.
        tries: Changes of the scale that are tried.
    """
    titles = communities(data, each)
    vectors = encode([title for own in titles.values() for title in own])
    of = [label for label, own in titles.items() for _ in own]
    mapped = space.between_classes(vectors, of)
    print(f"map: {len(vectors):,} titles of {len(titles)} communities", flush=True)

    def final(texts: Sequence[str]) -> Vectors:
        return mapped.apply(encode(texts))

    even = lives(data, "even", final)
    crowd = [person for group in even.values() for person in group]
    best, found = scale.fit(
        crowd, SCALE, tries, lambda done, value: print(done, f"{value:.4f}", flush=True)
    )
    print(f"even people: F1 {found.f1:.3f}, V {found.v_measure:.3f}, delay {found.delay}")
    for name, group in lives(data, "odd", final).items():
        for what, tried in (("fast's scale", SCALE), ("fitted", best)):
            judged = scale.judge(group, tried)
            print(
                f"odd people of {name}, {what}: F1 {judged.f1:.3f}, V {judged.v_measure:.3f}, "
                f"delay {judged.delay}",
                flush=True,
            )
    return Fitted(mapped, best, FITTED_ON, [])


def main() -> None:
    """Fetch, fit, write."""
    parser = argparse.ArgumentParser(description="Make the encoder `best`.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/interest-journeys")
    parser.add_argument("--each", type=int, default=EACH, help="titles of a community")
    parser.add_argument("--tries", type=int, default=TRIES, help="changes of the scale")
    args = parser.parse_args()
    source = args.cache / "bge-small-en-v1.5"
    if not (source / "model.onnx").is_file():
        fetch(source)
    encoder = base(source, args.cache / "bge-packed")
    fitted = fit(args.data, remembering(encoder.encode), args.each, args.tries)
    made = write_best(encoder, fitted, args.out)
    print(f"{args.out}: {made.name}")


def write_best(encoder: Encoder, fitted: Fitted, out: Path) -> Encoder:
    """Write the folder, and say in it what it is."""
    return write(
        encoder,
        fitted,
        out,
        name="journeys-bge-small",
        version=VERSION,
        licence="MIT",
        languages=["en"],
        trained_on=["reddit-top-2.5-million (the map)"],
    )


if __name__ == "__main__":
    main()
