"""The records on the wire: what they hold, and how they are written; `decoding` reads them."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal
from uuid import UUID, uuid5

import msgspec

VERSION: Final = 1
NAME_ATTRIBUTE: Final = "journeyname"  # of a CloudEvent: what its journey goes by

# Of the UUIDs of journeys. It is part of the contract: theirs are made of it for good.
JOURNEY_NAMESPACE: Final = UUID("be31f46a-ffe0-4809-9fc5-0fff2c994b63")

Kind = Literal["started", "named", "shifted", "merged", "dormant", "resumed", "ended"]
Stage = Literal["active", "dormant", "ended", "merged"]
NameSource = Literal["keywords", "llm"]
JourneyKind = Literal["evergreen", "situational"]


@lru_cache(maxsize=65_536)
def journey_uuid(journey_id: str) -> str:
    """A journey's id as a UUID of version 5, for stores whose keys are such; the same for life."""
    return str(uuid5(JOURNEY_NAMESPACE, journey_id))


def content_of(title: str, text: str | None) -> str:
    """What is encoded of an item: the title, and the text behind it as a sentence of its own.

    A vector follows from these alone: without a text it is the title's.
    """
    return f"{title}. {text}" if text else title


class Activity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One thing a user did with an item at a time.

    Attributes:
        event_id: Unique per activity, for a repeated one counts once; the cause in the ids of the
            changes it brings.
        user_id: The record's key says the same.
        item_id: What was viewed, played or bought.
        title: The item's title, stripped, 1 to 1,000 characters.
        occurred_at: Event time, epoch milliseconds.
        type: What the user did ("view", "play", "buy"), if known.
        weight: How much it counts against the user's others, > 0. Their unit makes no difference.
        terms: Salient terms with their scores, if the producer has them; compared with one another
            only, so their unit makes no difference.
        vector: A ready vector, shape (dimensions,), finite; the encoder is then not asked.
        text: What the item says beside its title, stripped, 1 to 280 characters; it is encoded with
            the title, and neither shown nor kept.
    """

    event_id: str
    user_id: str
    item_id: str
    title: str
    occurred_at: int
    type: str | None = None
    weight: float = 1.0
    terms: dict[str, float] | None = None
    vector: list[float] | None = None
    text: str | None = None

    @property
    def content(self) -> str:
        """What is encoded."""
        return content_of(self.title, self.text)


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item behind a journey: an exemplar."""

    item_id: str
    title: str
    occurred_at: int


class WindowCount(msgspec.Struct, frozen=True, gc=False):
    """How many activities one window of a journey's history held."""

    start: int
    activities: int


class Theme(msgspec.Struct, frozen=True, gc=False):
    """What several of a user's journeys are about: the level above them.

    Attributes:
        theme_id: The same for life.
        name: None while it has a single journey to tell of.
    """

    theme_id: str
    name: str | None = None


class JourneyView(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """What is known of a journey at one moment; the why of a change.

    Times are epoch milliseconds. `vector` is the unit centroid, rounded to 3 decimals. `kind` is
    whether it goes on (evergreen) or came with a situation or a season (situational), by its rhythm
    so far; `evergreen` is the chance of the first. `theme` is None where it may not be told.
    """

    journey_id: str
    cluster_id: str
    stage: Stage
    keywords: str
    confidence: float
    started_at: int
    promoted_at: int
    last_active_at: int
    activities: int
    items: list[Item]
    terms: dict[str, float]
    windows: list[WindowCount]
    vector: list[float]
    kind: JourneyKind | None = None
    evergreen: float | None = None
    theme: Theme | None = None


class Change(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One journey-change event.

    Its bytes are a function of the user's own activities and of how far time has come, not of when
    a name arrives, so that a repeat after a crash is byte for byte the same. That is why only
    `named` carries a name; `journey.keywords` is there in every change.

    Attributes:
        id: Deterministic: journey, kind and cause.
        user_id: Whose journey.
        kind: What happened.
        occurred_at: Event time, epoch ms: of the activity behind it, or of the window's end.
        cause: The event id behind it, or `window:<end in epoch ms>`.
        journey: The journey as it was then; None only for `named`.
        journey_id: Which journey.
        name: The new name (`named` only).
        name_source: Who made it (`named` only).
        revision: Which state of the journey the name is for (`named` only).
        merged_into: The journey that goes on (`merged` only).
    """

    id: str
    user_id: str
    kind: Kind
    occurred_at: int
    cause: str
    journey_id: str
    journey: JourneyView | None = None
    name: str | None = None
    name_source: NameSource | None = None
    revision: int | None = None
    merged_into: str | None = None


class ChangeData(msgspec.Struct, kw_only=True, frozen=True, gc=False, omit_defaults=True):
    """What a change says (the CloudEvent's `data`)."""

    user_id: str
    journey_id: str
    cause: str
    name: str | None = None
    name_source: NameSource | None = None
    revision: int | None = None
    merged_into: str | None = None
    journey: JourneyView | None = None
    journey_uuid: str | None = None


class CurrentJourney(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """How one journey stands now, on the compacted topic `journeys`.

    Published with every change of the journey and at its first activity in a new window.

    Attributes:
        name: What it goes by.
        name_source: Who made the name.
        revision: Which state of the journey is the latest that a name was asked for.
        updated_at: Event time of what brought this, epoch ms.
        strength: Its activities, each counting half after 60 days, at the user's latest activity;
            one of twice the user's mean weight counts as two.
        rank: Its place among the user's journeys by strength and diversity, 1 the first, when this
            was published; None once it is no longer among them.
        merged_into: The journey that goes on in its place.
        journey_uuid: The journey's id as a UUID; None in records of older versions.
    """

    user_id: str
    name: str
    name_source: NameSource
    revision: int
    updated_at: int
    strength: float
    rank: int | None = None
    journey: JourneyView
    merged_into: str | None = None
    v: int = VERSION
    journey_uuid: str | None = None


class UserJourney(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """A journey in its user's row, flat; times are epoch milliseconds.

    Attributes:
        journey_uuid: The journey's id as a UUID.
        name: What it goes by.
        stage: `active` or `dormant`: others are in no row.
        kind: See `JourneyView`.
        theme: The name of its theme; None while that has none, or where it may not be told.
        rank: Its place in the row, 1 the first.
        strength: See `CurrentJourney`.
    """

    journey_id: str
    journey_uuid: str
    name: str
    name_source: NameSource
    stage: Stage
    kind: JourneyKind | None
    theme: str | None
    rank: int
    strength: float
    confidence: float
    started_at: int
    last_active_at: int
    activities: int


class UserJourneys(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The journeys of a user that live, on the compacted topic `user-journeys`.

    Attributes:
        updated_at: Event time of the latest record that went into it, epoch ms.
        journeys: By rank; never empty: who has none has no row.
    """

    user_id: str
    updated_at: int
    journeys: list[UserJourney]
    v: int = VERSION


class NamingRequest(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Asks the namer for a name of one journey at one revision.

    Attributes:
        taken: Names of the user's other journeys.
        attempt: 1; more when the name that came had gone to another journey in the meantime.
    """

    user_id: str
    journey_id: str
    revision: int
    titles: list[str]
    terms: dict[str, float]
    keywords: str
    taken: list[str]
    requested_at: int
    attempt: int = 1
    v: int = VERSION

    def answered(
        self,
        name: str | None,
        source: NameSource = "llm",
        *,
        model: str | None = None,
        reason: str | None = None,
    ) -> "JourneyName":
        """The answer to this request; its fields are those of `JourneyName`."""
        return JourneyName(
            user_id=self.user_id,
            journey_id=self.journey_id,
            revision=self.revision,
            name=name,
            source=source,
            model=model,
            reason=reason,
            attempt=self.attempt,
        )


class JourneyName(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """The namer's answer: a name and how it was made, or why there is none.

    Attributes:
        attempt: That of the request.
    """

    user_id: str
    journey_id: str
    revision: int
    name: str | None
    source: NameSource
    model: str | None = None
    reason: str | None = None
    attempt: int = 1
    v: int = VERSION


_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def rfc3339(millis: int) -> str:
    """Epoch milliseconds as RFC 3339 text in UTC."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def change_data(change: Change) -> ChangeData:
    """What a change says, without what its envelope says."""
    return ChangeData(
        user_id=change.user_id,
        journey_id=change.journey_id,
        cause=change.cause,
        name=change.name,
        name_source=change.name_source,
        revision=change.revision,
        merged_into=change.merged_into,
        journey=change.journey,
        journey_uuid=journey_uuid(change.journey_id),
    )


def cloudevent_attributes(change: Change, source: str = "/interest-journeys") -> dict[str, str]:
    """The attributes of a change as a CloudEvent 1.0, without those that depend on its form."""
    return {
        "specversion": "1.0",
        "id": change.id,
        "source": source,
        "type": f"journey.{change.kind}.v1",
        "subject": change.user_id,
        "time": rfc3339(change.occurred_at),
    }


def cloudevent(change: Change, source: str = "/interest-journeys") -> bytes:
    """A change as a CloudEvents 1.0 envelope in structured JSON mode."""
    return encode(
        {
            **cloudevent_attributes(change, source),
            "datacontenttype": "application/json",
            "data": change_data(change),
        }
    )


def with_name(event: bytes, name: str) -> bytes:
    """A change with the name of its journey beside it, as an attribute of the CloudEvent.

    Its data stays as it is, byte for byte: what it says may not depend on when a name arrives.

    Args:
        event: A CloudEvent in structured JSON mode.
        name: What its journey goes by.
    """
    envelope = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    data = {"data": envelope.pop("data")} if "data" in envelope else {}
    return encode({**envelope, NAME_ATTRIBUTE: name, **data})
