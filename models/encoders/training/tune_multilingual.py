"""Fits map and scale of the encoder `multilingual`.

The map is learned on the communities of topics/more.csv.gz, of which no other data here knows any;
the scale on the even people of reddit_users and of those that are invented on posts of topics/.
Both are judged on the odd ones. All of them are English: what that is worth in other languages is
seen on `tests/data/interests_by_language.json`, on which nothing is fitted. From the project's
root, with the extra `multilingual`; a quarter of an hour of one core:

    python -m models.encoders.training.tune_multilingual --data DATA
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from models.datasets import invented, people
from models.datasets.people import Half, Person, rows
from models.encoders.encoder import Encoder
from models.encoders.multilingual import folder
from models.encoders.tuning import scale, space
from models.encoders.tuning.tune import Encode, remembering
from models.engine.params import SCALE
from models.vectors import Vectors

VERSION: Final = "1.0.0"
MAX_TOKENS: Final = 64
# Of the sixteen for which the model was made; traditional Chinese is with `zh`.
LANGUAGES: Final = (
    *("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"),
)
EACH: Final = 20  # titles of a community
DRAWN: Final = 100  # of which they are the first
PEOPLE: Final = 60  # invented ones
TRIES: Final = 70
FITTED_ON: Final = (
    "map: 700 communities of topics/more; scale: even people of reddit_users and of topics/"
)


def communities(data: Path) -> dict[str, list[str]]:
    """Titles of the communities of topics/more."""
    random = Random(0)
    titles: dict[str, list[str]] = {}
    for row in rows(data / "topics" / "more.csv.gz"):
        if title := row["title"].strip():
            titles.setdefault(row["label"], []).append(title)
    return {label: random.sample(own, min(DRAWN, len(own)))[:EACH] for label, own in titles.items()}


def crowd(data: Path, half: Half, encode: Encode) -> list[Person]:
    """The people of one half, read and invented."""
    return [
        *people.read(data / "reddit_users", half, 1_000, encode).people,
        *invented.people(data, half, PEOPLE, encode).people,
    ]


def main() -> None:
    """Fit, judge, write what ships."""
    parser = argparse.ArgumentParser(description="Fit map and scale of `multilingual`.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, default=folder.SHIPPED)
    parser.add_argument("--tries", type=int, default=TRIES, help="changes of the scale")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as raw:
        folder.write(Path(raw), {"max_tokens": MAX_TOKENS}, None)
        encode = remembering(Encoder(Path(raw)).encode)
        titles = communities(args.data)
        vectors = encode([title for own in titles.values() for title in own])
        fitted = space.between_classes(vectors, [of for of, own in titles.items() for _ in own])

        def final(texts: Sequence[str]) -> Vectors:
            return fitted.apply(encode(texts))

        best, found = scale.fit(
            crowd(args.data, "even", final),
            SCALE,
            args.tries,
            lambda done, value: print(done, f"{value:.4f}", flush=True),
        )
        judged = scale.judge(crowd(args.data, "odd", final), best)
    print(f"even people: F1 {found.f1:.3f}, V {found.v_measure:.3f}, delay {found.delay}")
    print(f"odd people: F1 {judged.f1:.3f}, V {judged.v_measure:.3f}, delay {judged.delay}")
    offset = -(fitted.mean.astype(np.float64) @ fitted.directions)
    np.savez_compressed(
        args.out / folder.MAP, matrix=fitted.directions, offset=offset.astype(np.float32)
    )
    about = {
        "name": "journeys-use-multilingual",
        "version": VERSION,
        "licence": "Apache-2.0",
        "languages": list(LANGUAGES),
        "dimensions": fitted.directions.shape[1],
        "max_tokens": MAX_TOKENS,
        "prefix": "",
        "scale": best._asdict(),
        "fitted_on": FITTED_ON,
        "trained_on": ["reddit-top-2.5-million (the map)"],
    }
    (args.out / folder.CONFIG).write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
