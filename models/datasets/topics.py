"""Posts with topics, from `topics/`, that the people of `reddit_users` have not seen."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.activities import MAX_TITLE_CHARS
from models.datasets.people import Half, in_half, opened, read_lives, rows
from models.engine.params import DAY_MS

DAYS: Final = 780  # before the last post; older ones are left out
SHORTEST: Final = 4  # characters of a title
LONGEST: Final = MAX_TITLE_CHARS


def are_there(data: Path) -> bool:
    """Whether there are posts with topics to invent people from."""
    return any((data / "topics").glob("posts_*.csv.gz"))


def posts(data: Path, half: Half) -> dict[str, list[tuple[int, str]]]:
    """Time and title of each label's posts of the last DAYS, in time order."""
    seen = set()
    if (data / "reddit_users").is_dir():
        lives = read_lives(data / "reddit_users")
        seen = {activity.item_id for life in lives.values() for activity, _ in life}
    group_of = _group_names(data)
    posts_of: dict[str, list[tuple[int, str]]] = {}
    for path in sorted((data / "topics").glob("posts_*.csv.gz")):
        for row in rows(path):
            label, title = row["label"], row["title"].strip()
            if (
                row["post_id"] not in seen
                and SHORTEST <= len(title) <= LONGEST
                and in_half(f"g:{group_of.get(label, label)}", half)
            ):
                posts_of.setdefault(label, []).append((int(row["ts"]) * 1000, title))
    end = max((at for entries in posts_of.values() for at, _ in entries), default=0)
    since = end - DAYS * DAY_MS
    recent = {
        label: sorted(post for post in entries if post[0] >= since)
        for label, entries in sorted(posts_of.items())
    }
    return {label: entries for label, entries in recent.items() if entries}


def _group_names(data: Path) -> dict[str, str]:
    path = data / "names" / "subreddits.jsonl.gz"
    if not path.is_file():
        return {}
    with opened(path) as file:
        return {row["slug"]: row["group"] for row in map(json.loads, file)}


def groups(data: Path, labels: Mapping[str, object]) -> list[list[str]]:
    """Labels that are easily confused; all of them together where that is not known."""
    group_of = _group_names(data)
    together: dict[str, list[str]] = {}
    for label in labels:
        together.setdefault(group_of.get(label, ""), []).append(label)
    return list(together.values())
