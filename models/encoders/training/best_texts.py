"""What `best` learns from: titles of many classes, none of which is judged, and texts of none."""

import json
from pathlib import Path
from random import Random
from typing import Final

from models.datasets.people import in_half, opened, rows
from models.encoders.training.general_texts import load_glosses, load_packages
from models.errors import ModelError

LEAST: Final = 8  # titles of a class that says anything


def classes(data: Path, each: int) -> dict[str, list[str]]:
    """Titles by class: communities of topics/more, even sections of curated lists, even intents.

    Args:
        data: The folder of all data.
        each: Most titles of a class; of more, the first of a shuffled list, so that fewer are a
            part of more.

    Raises:
        ModelError: A community is in the data on which the encoder is judged.
    """
    found: dict[str, list[str]] = {}
    for row in rows(data / "topics" / "more.csv.gz"):
        found.setdefault(f"g:{row['label']}", []).append(row["title"].strip())
    if shared := _judged(data) & found.keys():
        raise ModelError(f"topics/more: {', '.join(sorted(shared))} would not be held out")
    with opened(data / "names" / "sections.jsonl.gz") as file:
        sections = [json.loads(line) for line in file]
    for entry in sections:
        if in_half(f"s:{entry['context']}", "even") and "SA" not in entry["licence"]:
            found[f"s:{entry['id']}"] = [item.strip() for item in entry["items"]]
    for row in rows(data / "clinc150" / "texts.csv.gz"):
        if row["domain"] != "oos" and in_half(f"c:{row['label']}", "even"):
            found.setdefault(f"c:{row['label']}", []).append(row["text"])
    random = Random(0)
    drawn = {}
    for name, texts in found.items():
        own = sorted({text for text in texts if text})
        random.shuffle(own)
        if len(own) >= LEAST:
            drawn[name] = own[:each]
    return drawn


def _judged(data: Path) -> set[str]:
    judged = (*(data / "topics").glob("posts_*.csv.gz"), data / "reddit_users" / "truth.csv.gz")
    return {f"g:{row['label']}" for path in judged for row in rows(path)}


def general(number: int) -> list[str]:
    """Texts of no class: WordNet's glosses and Debian's packages.

    Args:
        number: Of each.
    """
    random = Random(0)
    return [
        text
        for texts in (load_glosses(), load_packages())
        for text in random.sample(texts, min(number, len(texts)))
    ]
