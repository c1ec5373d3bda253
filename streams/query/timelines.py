"""People as rows and their journeys as bars over time: what the page draws."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from models.records import CurrentJourney, JourneyKind, Theme
from streams.query.answers import moment
from streams.query.questions import users
from streams.query.store import Store

_OVER: Final = ("ended", "merged")

_current = msgspec.json.Decoder(CurrentJourney)


class Span(msgspec.Struct, frozen=True):
    """A time in which a journey was at one stage.

    Attributes:
        stage: Emerging is what became a journey later.
        start: Event time.
        end: None while it lasts.
    """

    stage: Literal["emerging", "active", "dormant"]
    start: datetime
    end: datetime | None


class Bar(msgspec.Struct, frozen=True):
    """A journey over time; `kind` and `theme` as of `ShownJourney`."""

    journey_id: str
    name: str
    stage: str
    confidence: float
    activities: int
    last_active_at: datetime
    spans: list[Span]
    kind: JourneyKind | None = None
    theme: Theme | None = None


class Person(msgspec.Struct, frozen=True):
    """A user and the journeys they have had, the earliest first, those of a theme together."""

    user_id: str
    updated_at: datetime
    bars: list[Bar]


def people(
    store: Store, search: str = "", *, user_ids: Sequence[str] | None = None, limit: int = 30
) -> list[Person]:
    """Users and their journeys over time.

    Args:
        store: What is asked.
        search: Users whose id holds this text, those with the latest activity first.
        user_ids: These users, instead.
        limit: At most so many.
    """
    if user_ids is None:
        user_ids = [user.user_id for user in users(store, search, limit=limit)]
    marks = ", ".join("?" * len(user_ids))
    found: dict[str, list[Bar]] = {user_id: [] for user_id in user_ids}
    told = _told(store, user_ids)
    for row in store.ask(f"SELECT record FROM journeys WHERE user_id IN ({marks})", user_ids):
        current = _current.decode(row["record"])
        found[current.user_id].append(_bar(current, told[current.journey.journey_id]))
    times = store.ask(f"SELECT user_id, updated_at FROM users WHERE user_id IN ({marks})", user_ids)
    updated = dict(map(tuple, times))
    return [
        Person(user_id, moment(updated[user_id]), _by_theme(bars))
        for user_id, bars in found.items()
        if user_id in updated
    ]


def _by_theme(bars: Iterable[Bar]) -> list[Bar]:
    """The earliest first, and behind each the others of its theme."""
    ordered = sorted(bars, key=lambda bar: (bar.spans[0].start, bar.journey_id))
    together: dict[str, list[Bar]] = {}
    for bar in ordered:
        together.setdefault(bar.theme.theme_id if bar.theme else bar.journey_id, []).append(bar)
    return [bar for theme in together.values() for bar in theme]


def _told(store: Store, user_ids: Sequence[str]) -> dict[str, list[Any]]:
    """By journey: the changes of its stage, in order."""
    marks = ", ".join("?" * len(user_ids))
    found: dict[str, list[Any]] = defaultdict(list)
    for row in store.ask(
        f"SELECT journey_id, kind, occurred_at FROM changes WHERE user_id IN ({marks}) "
        "AND kind IN ('dormant', 'resumed', 'ended', 'merged') ORDER BY occurred_at, offset",
        user_ids,
    ):
        found[row["journey_id"]].append(row)
    return found


def _bar(current: CurrentJourney, told: Sequence[Any]) -> Bar:
    view = current.journey
    stages: list[tuple[str, int]] = [("emerging", view.started_at), ("active", view.promoted_at)]
    for row in told:
        stages.append((row["kind"].replace("resumed", "active"), row["occurred_at"]))
    if view.stage in _OVER and stages[-1][0] not in _OVER:  # its changes are no longer kept
        stages.append((view.stage, view.last_active_at))
    ends = [*(start for _, start in stages[1:]), None]
    return Bar(
        view.journey_id,
        current.name,
        view.stage,
        view.confidence,
        view.activities,
        moment(view.last_active_at),
        [
            Span(stage, moment(start), None if end is None else moment(max(start, end)))  # type: ignore[arg-type]
            for (stage, start), end in zip(stages, ends, strict=True)
            if stage not in _OVER
        ],
        view.kind,
        view.theme,
    )
