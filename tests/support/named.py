"""Groups of titles with a human's name, as the files of `names/` hold them."""

import gzip
import json
from pathlib import Path
from typing import Any

from tests.support.naming import LISTS

LEARNED, JUDGED = "Public APIs", "Free courses"  # lists of the even and of the odd half
LEARNED_TOO, JUDGED_TOO = "fitness", "outdoors"  # kinds of subreddit

TITLES = {
    "Weather": (
        "Weather forecast by the hour",
        "Historical weather data",
        "Weather radar images",
        "Weather alerts for Europe",
        "Marine weather and tides",
    ),
    "Home baking": LISTS["sourdough"],
    "Chess for club players": LISTS["chess"],
    "Amateur astronomy": LISTS["telescopes"],
}


def section(context: str, name: str, titles: tuple[str, ...]) -> dict[str, Any]:
    """A section of a list."""
    return {
        "name": name,
        "context": context,
        "parents": [],
        "n_items": len(titles),
        "items": list(titles),
        "source": f"someone/{context}",
        "licence": "CC0-1.0",
        "file": "readme.md",
        "id": f"{context}/{name}",
    }


def subreddit(
    slug: str, group: str, name: str, titles: tuple[str, ...], clean: bool = True
) -> dict[str, Any]:
    """A subreddit."""
    return {"name": name, "slug": slug, "group": group, "clean": clean, "items": list(titles)}


def write(folder: Path, sections: list[dict[str, Any]], subreddits: list[dict[str, Any]]) -> Path:
    """The two files; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("sections", sections), ("subreddits", subreddits)):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return folder


def some(folder: Path) -> Path:
    """Both halves: lists and subreddits to learn from, and others to be judged on."""
    return write(
        folder,
        [
            section(context, name, tuple(f"{title}{mark}" for title in titles))
            for context, mark in ((LEARNED, ""), (JUDGED, " again"))
            for name, titles in TITLES.items()
        ],
        [
            subreddit(
                "AdvancedRunning",
                LEARNED_TOO,
                "Advanced running: like hell",
                (
                    "Running a marathon",
                    "Running shoes compared",
                    "Interval running",
                    "Long running",
                ),
            ),
            subreddit("alpinism", JUDGED_TOO, "Alpine climbing", LISTS["sailing"]),
        ],
    )
