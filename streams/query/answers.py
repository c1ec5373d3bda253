"""What the questions are answered with: the same for HTTP, MCP, the page and the commands.

Times are RFC 3339 in UTC. Fields are added, never renamed or removed.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from models.records import (
    ChangeData,
    CurrentJourney,
    JourneyKind,
    JourneyView,
    Kind,
    NameSource,
    Stage,
    Theme,
)


class ShownItem(msgspec.Struct, frozen=True):
    """An item behind a journey, with the time of its activity."""

    item_id: str
    title: str
    occurred_at: datetime


class ShownWindow(msgspec.Struct, frozen=True):
    """A window in which the journey was active."""

    start: datetime
    activities: int


class ShownJourney(msgspec.Struct, kw_only=True, frozen=True):
    """A journey, as it stands or as it stood.

    Attributes:
        name: What it goes by; its keywords where no other name is known.
        strength: Its activities, each counting half after 60 days; None for a time in the past.
        rank: Its place among the user's journeys; None for those that are over, and in the past.
        similarity: Cosine to what was asked for, where something was.
        kind: Whether it goes on (evergreen) or came with a situation, by its rhythm so far; None
            where it was not told.
        evergreen: The chance of the first.
        theme: What it is under; None where it may not be told.
    """

    user_id: str
    journey_id: str
    name: str
    name_source: NameSource
    stage: Stage
    confidence: float
    keywords: str
    started_at: datetime
    promoted_at: datetime
    last_active_at: datetime
    activities: int
    items: list[ShownItem]
    terms: dict[str, float]
    windows: list[ShownWindow]
    strength: float | None = None
    rank: int | None = None
    merged_into: str | None = None
    similarity: float | None = None
    kind: JourneyKind | None = None
    evergreen: float | None = None
    theme: Theme | None = None


class ShownChange(msgspec.Struct, kw_only=True, frozen=True):
    """A journey change, with a name to show.

    Attributes:
        id: The same for a repeat.
        kind: What happened.
        occurred_at: Event time.
        cause: The event id or the window behind it.
        user_id: Whose.
        journey_id: Which journey.
        name: What the journey goes by now; of a `named` change, the name it got.
        journey: The journey as it was then; None for `named`.
        merged_into: The journey that goes on, of `merged`.
        cursor: Ask for what comes after this with `after`.
    """

    id: str
    kind: Kind
    occurred_at: datetime
    cause: str
    user_id: str
    journey_id: str
    name: str
    journey: ShownJourney | None
    merged_into: str | None = None
    cursor: str | None = None


class ShownUser(msgspec.Struct, frozen=True):
    """A user, and how many journeys they have."""

    user_id: str
    journeys: int
    active: int
    updated_at: datetime


class Interest(msgspec.Struct, frozen=True):
    """A name that journeys go by, over all users."""

    name: str
    users: int
    strength: float


class Page(msgspec.Struct, frozen=True):
    """Changes, and where to go on."""

    changes: list[ShownChange]
    after: str


def moment(millis: int) -> datetime:
    """Epoch milliseconds as a time in UTC."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def of_current(record: CurrentJourney, similarity: float | None = None) -> ShownJourney:
    """A journey as it stands."""
    return msgspec.structs.replace(
        of_view(record.journey, record.user_id, record.name, record.name_source),
        strength=record.strength,
        rank=record.rank,
        merged_into=record.merged_into,
        similarity=similarity,
    )


def of_view(view: JourneyView, user_id: str, name: str, source: NameSource) -> ShownJourney:
    """A journey as a change shows it."""
    return ShownJourney(
        user_id=user_id,
        journey_id=view.journey_id,
        name=name,
        name_source=source,
        stage=view.stage,
        confidence=view.confidence,
        keywords=view.keywords,
        started_at=moment(view.started_at),
        promoted_at=moment(view.promoted_at),
        last_active_at=moment(view.last_active_at),
        activities=view.activities,
        items=[ShownItem(one.item_id, one.title, moment(one.occurred_at)) for one in view.items],
        terms=view.terms,
        windows=[ShownWindow(moment(one.start), one.activities) for one in view.windows],
        kind=view.kind,
        evergreen=view.evergreen,
        theme=view.theme,
    )


def of_change(row: Any, data: ChangeData, name: str, cursor: str | None = None) -> ShownChange:
    """A change as it was published.

    Args:
        row: Of the store's table.
        data: What the change says.
        name: What its journey goes by.
        cursor: Where to go on after it.
    """
    view = data.journey
    return ShownChange(
        id=row["id"],
        kind=row["kind"],
        occurred_at=moment(row["occurred_at"]),
        cause=data.cause,
        user_id=data.user_id,
        journey_id=data.journey_id,
        name=name,
        journey=of_view(view, data.user_id, name, "keywords") if view else None,
        merged_into=data.merged_into,
        cursor=cursor,
    )
