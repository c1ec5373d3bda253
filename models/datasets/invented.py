"""Collections made from titles whose topic is known; the same ones in every run.

Texts are real, who saw them when is invented. Three kinds: people who live on the topics of
`topics/`; two curated lists of `names/` mixed into one stream (the paper mixes two playlists); and
short texts as one stream, from a user that is no person.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Final

from models.datasets import topics
from models.datasets.people import Collection, Encode, Half, Life, embedded, in_half, opened, rows
from models.engine.params import DAY_MS
from models.errors import JourneysError
from models.records import Activity

START_MS: Final = 1_309_478_400_000  # 2011-07-01; what has no time of its own happens from here on
DENSE_DAYS: Final = 60  # so long that a list of ten can be a journey under the promotion rule
KINDS: Final = ("persistent",) * 8 + ("phase",) * 4 + ("short",) * 4 + ("recurring",) * 4
LEAST_ENTRIES: Final = 10  # of a section that is mixed
MOST_ENTRIES: Final = 40  # of a longer section, so many are taken


def people(data: Path, half: Half, number: int, encode: Encode) -> Collection:
    """Invented people on real posts of `topics/` that the people of `reddit_users` have not seen.

    Each has two interests from one group, up to four more, and some noise; an interest persists,
    is a phase, is short (so no journey) or comes back after a year.

    Args:
        data: The folder of all data.
        half: Which groups of topics.
        number: How many people.
        encode: Titles to unit vectors.

    Raises:
        JourneysError: There are too few topics.
    """
    random = Random(f"people {half}")
    posts = topics.posts(data, half)
    groups = [group for group in topics.groups(data, posts) if len(group) > 1]
    if not groups:
        raise JourneysError(f"{data / 'topics'}: no two topics of one group in the {half} half")
    return Collection(
        "invented",
        embedded(lives(random, posts, groups, number), encode),
        f"{number} invented people on posts of {len(posts)} topics",
    )


def lives(
    random: Random,
    posts: Mapping[str, Sequence[tuple[int, str]]],
    groups: Sequence[Sequence[str]],
    number: int,
) -> dict[str, Life]:
    """What people who live on posts with topics do.

    Args:
        random: Makes them.
        posts: Time (epoch ms) and title of each label's posts, in time order.
        groups: Labels that are easily confused, at least two in each.
        number: How many people.
    """
    labels = list(posts)
    invented = {}
    for i in range(number):
        own = random.sample(random.choice(groups), 2)
        others = [label for label in labels if label not in own]
        own += random.sample(others, min(random.randint(0, 4), len(others)))
        entries = {
            title: (label, at)
            for place, label in enumerate(own)
            for at, title in _interest(
                random, posts[label], random.choice(KINDS) if place else KINDS[0]
            )
        }
        for label in random.choices(labels, k=max(1, len(entries) // 10)):
            at, title = random.choice(posts[label])
            entries.setdefault(title, (label, at))
        invented[f"p{i:03d}"] = _life(f"p{i:03d}", entries)
    return invented


def mixed(data: Path, half: Half, number: int, encode: Encode, *, alike: bool) -> Collection:
    """Streams that mix two sections of curated lists, entries and times at random.

    Args:
        data: The folder of all data.
        half: Which lists.
        number: How many pairs.
        encode: Titles to unit vectors.
        alike: Two sections of one list, which is hard; else of two lists.

    Raises:
        JourneysError: There are too few lists.
    """
    random = Random(f"mixed {half} {alike}")
    lists: dict[str, list[tuple[str, list[str]]]] = {}
    with opened(data / "names" / "sections.jsonl.gz") as file:
        for section in map(json.loads, file):
            entries = [
                entry
                for entry in dict.fromkeys(section["items"])
                if topics.SHORTEST <= len(entry) <= topics.LONGEST
            ]
            if len(entries) >= LEAST_ENTRIES and in_half(f"s:{section['context']}", half):
                lists.setdefault(section["context"], []).append((section["id"], entries))
    several = [sections for sections in lists.values() if len(sections) > 1]
    if len(lists) < 2 or not several:
        raise JourneysError(f"{data / 'names'}: too few lists to mix in the {half} half")
    streams = {}
    for i in range(number):
        if alike:
            pair = random.sample(random.choice(several), 2)
        else:
            pair = [random.choice(lists[name]) for name in random.sample(sorted(lists), 2)]
        chosen = {
            entry: (label, _any_time(random))
            for label, entries in pair
            for entry in random.sample(entries, min(len(entries), MOST_ENTRIES))
        }
        streams[f"m{i:03d}"] = _life(f"m{i:03d}", chosen)
    kind = "sections of one list" if alike else "lists"
    return Collection(
        f"mixed {kind}", embedded(streams, encode), f"{number} streams, each of two {kind}"
    )


def short_texts(data: Path, half: Half, each: int, encode: Encode) -> Iterator[Collection]:
    """Whole corpora as the stream of one person.

    Args:
        data: The folder of all data.
        half: Which intents, which groups of topics.
        each: Texts of a label.
        encode: Titles to unit vectors.

    Yields:
        clinc150 (at times of no meaning) and topics (at their own), where they are there.
    """
    if has_intents(data):
        random = Random(f"clinc150 {half}")
        texts: dict[str, list[str]] = {}
        for row in rows(data / "clinc150" / "texts.csv.gz"):
            if row["label"] != "oos" and in_half(f"c:{row['label']}", half):
                texts.setdefault(row["label"], []).append(row["text"])
        yield _stream(
            "clinc150",
            {
                title: (label, _any_time(random))
                for label, titles in texts.items()
                for title in random.sample(titles, min(each, len(titles)))
            },
            encode,
        )
    if topics.are_there(data):
        random = Random(f"topics {half}")
        yield _stream(
            "topics",
            {
                title: (label, at)
                for label, posts in topics.posts(data, half).items()
                for at, title in random.sample(posts, min(each, len(posts)))
            },
            encode,
        )


def has_intents(data: Path) -> bool:
    """Whether there are utterances with intents."""
    return (data / "clinc150" / "texts.csv.gz").is_file()


def has_lists(data: Path) -> bool:
    """Whether there are curated lists to mix."""
    return (data / "names" / "sections.jsonl.gz").is_file()


def _stream(name: str, entries: Mapping[str, tuple[str, int]], encode: Encode) -> Collection:
    labels = len({label for label, _ in entries.values()})
    person = embedded({name: _life(name, entries)}, encode)
    return Collection(name, person, f"{len(entries):,} texts of {labels} labels")


def _interest(random: Random, posts: Sequence[tuple[int, str]], kind: str) -> list[tuple[int, str]]:
    """Some of a label's posts, from the time that an interest of this kind lasts."""
    first, last = posts[0][0], posts[-1][0]
    days, number = {
        "persistent": (topics.DAYS, random.randint(25, 75)),
        "phase": (random.randint(90, 230), random.randint(14, 40)),
        "short": (random.randint(4, 12), random.randint(5, 10)),
        "recurring": (random.randint(70, 110), random.randint(20, 50)),
    }[kind]
    start = random.randint(first, max(first, last - days * DAY_MS))
    starts = [start, start + 365 * DAY_MS] if kind == "recurring" else [start]
    inside = [
        post for post in posts if any(begin <= post[0] < begin + days * DAY_MS for begin in starts)
    ]
    return random.sample(inside, min(number, len(inside)))


def _any_time(random: Random) -> int:
    return START_MS + random.randrange(DENSE_DAYS * DAY_MS)


def _life(user_id: str, entries: Mapping[str, tuple[str, int]]) -> Life:
    """A person's activities in time order, from title → (label, time)."""
    ordered = sorted(entries.items(), key=lambda entry: (entry[1][1], entry[0]))
    return [
        (Activity(f"{user_id}:{i}", user_id, f"{user_id}:{i}", title, at), label)
        for i, (title, (label, at)) in enumerate(ordered)
    ]
