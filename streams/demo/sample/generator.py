"""Users of the sample catalogue over sixteen months: what they did, and what they truly care about.

Everything follows from the seed: no wall clock, no global randomness. Weeks begin on Thursdays, as
the engine's seven-day windows do, so that "within one window" means the same in both.

Each user has interests of five kinds:

persistent  most weeks, from some week on until the end
dropped     most weeks of the first three months, then never again
seasonal    most weeks of its season (skiing, the tax return), every year
binge       a dozen or more activities, all within one week
one-off     one to three activities within one week
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import cycle
from random import Random
from typing import Any, Final, Literal

Kind = Literal["persistent", "dropped", "seasonal", "binge", "one-off"]

START: Final = datetime(2024, 1, 4, tzinfo=UTC)  # a Thursday, and in the past on every clock
WEEKS: Final = 69
USERS: Final = (
    "ada",
    "bruno",
    "chloe",
    "dmitri",
    "elif",
    "farid",
    "greta",
    "hugo",
    "ines",
    "jonas",
    "kavya",
    "liam",
    "mei",
    "nadia",
    "omar",
    "priya",
    "quinn",
    "rosa",
    "sven",
    "tara",
    "umut",
    "vera",
    "wim",
    "yuki",
)
SEASONS: Final = {  # month and day of its first and last activity
    "skiing": ((12, 1), (3, 20)),
    "tax": ((2, 1), (4, 30)),
    "vegetables": ((3, 1), (8, 31)),
    "grandprix": ((3, 1), (11, 30)),
    "camping": ((5, 15), (9, 10)),
    "christmas": ((11, 14), (12, 28)),
}
VERBS: Final = {
    "product": "buy",
    "book": "buy",
    "game": "play",
    "podcast": "play",
    "video": "play",
    "film": "play",
    "episode": "play",
}  # all else is viewed


@dataclass(frozen=True)
class Interest:
    """One true interest of one user: what a good extraction would find."""

    user_id: str
    interest: str
    kind: Kind
    weeks: tuple[int, ...]
    """Weeks with activity, counted from START; one entry per activity."""


@dataclass(frozen=True)
class Sample:
    """Activities in the order of their time, as they go on the wire, and the truth behind them."""

    activities: list[dict[str, Any]]
    truth: list[Interest]


def catalogue() -> list[dict[str, Any]]:
    """The interests with their items: `interest`, `about`, `items` (`item_id`, `type`, `title`)."""
    text = files("streams.demo.sample").joinpath("catalogue.json").read_text(encoding="utf-8")
    interests: list[dict[str, Any]] = json.loads(text)
    return interests


def generate(seed: int = 7) -> Sample:
    """The sample; the same for the same seed, on every machine."""
    shelves = {entry["interest"]: entry["items"] for entry in catalogue()}
    truth = [interest for user in USERS for interest in _interests(user, shelves, seed)]
    visits = sorted(
        visit for interest in truth for visit in _visits(interest, shelves[interest.interest], seed)
    )
    counts = dict.fromkeys(USERS, 0)
    activities = []
    for moment, user, item_id, kind, title in visits:
        counts[user] += 1
        activities.append(
            {
                "event_id": f"{user}-{counts[user]:03d}",
                "user_id": user,
                "item_id": item_id,
                "title": title,
                "type": VERBS.get(kind, "view"),
                "occurred_at": moment.isoformat().replace("+00:00", "Z"),
                "v": 1,
            }
        )
    return Sample(activities, truth)


def _interests(user: str, shelves: dict[str, Any], seed: int) -> Iterator[Interest]:
    random = Random(f"{seed}/{user}")
    names = [name for name in shelves if name not in SEASONS]
    random.shuffle(names)
    for _ in range(random.choice((2, 2, 3))):
        first = random.randrange(30)
        yield Interest(
            user,
            names.pop(),
            "persistent",
            _weeks(random, range(first, WEEKS), random.uniform(0.45, 0.75)),
        )
    if random.random() < 0.4:
        yield Interest(user, names.pop(), "dropped", _weeks(random, range(11), 0.8))
    for name in random.sample(sorted(SEASONS), random.choice((1, 1, 2))):
        season = [week for week in range(WEEKS) if _in_season(name, week)]
        yield Interest(user, name, "seasonal", _weeks(random, season, 0.75))
    week = random.randrange(4, WEEKS - 4)
    yield Interest(user, names.pop(), "binge", (week,) * random.randrange(12, 20))
    for _ in range(random.randrange(4, 8)):
        week = random.randrange(WEEKS)
        yield Interest(user, names.pop(), "one-off", (week,) * random.choice((1, 1, 2, 3)))


def _weeks(random: Random, candidates: range | list[int], share: float) -> tuple[int, ...]:
    """Some of the weeks, each with one or two activities."""
    return tuple(
        week
        for week in candidates
        if random.random() < share
        for _ in range(random.choice((1, 1, 1, 2)))
    )


def _in_season(name: str, week: int) -> bool:
    first, last = SEASONS[name]
    day = START + timedelta(weeks=week, days=3)
    today = (day.month, day.day)
    return first <= today <= last if first < last else today >= first or today <= last


def _visits(
    interest: Interest, items: list[dict[str, str]], seed: int
) -> Iterator[tuple[datetime, str, str, str, str]]:
    """One visit per activity: time, user, item id, item type, title; no item again too soon."""
    random = Random(f"{seed}/{interest.user_id}/{interest.interest}")
    shelf = cycle(random.sample(items, len(items)))
    for week in interest.weeks:
        item = next(shelf)
        day = START + timedelta(weeks=week, days=random.randrange(7))
        # Mostly in the evening, always within the day, so always within the week.
        second = int(random.triangular(7 * 3600, 24 * 3600 - 1, 20 * 3600))
        yield (
            day + timedelta(seconds=second),
            interest.user_id,
            item["item_id"],
            item["type"],
            item["title"],
        )
