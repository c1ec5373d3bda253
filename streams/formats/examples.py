"""An example of each message of the contract, made of the records themselves."""

import json
from typing import Any, Final

from models.records import (
    Change,
    ChangeData,
    CurrentJourney,
    Item,
    JourneyName,
    JourneyView,
    NamingRequest,
    Theme,
    UserJourneys,
    WindowCount,
    change_data,
    cloudevent,
    cloudevent_attributes,
    encode,
    journey_uuid,
    with_name,
)
from models.user_journeys import line_of, row_of
from streams.formats.reading import ATTRIBUTE
from streams.formats.wire import (
    BinaryHeaders,
    Erasure,
    JourneyChange,
    NamedChange,
    WebhookHeaders,
    WireActivity,
)

_WEEK: Final = 7 * 86_400_000
_MARCH: Final = 1_709_251_200_000  # 2024-03-01T00:00:00Z
_VIEW: Final = JourneyView(
    journey_id="j5f0c9a3b7d21e846-3",
    cluster_id="c5f0c9a3b7d21e846-9",
    stage="active",
    keywords="Vegetable garden",
    confidence=0.98,
    started_at=_MARCH,
    promoted_at=_MARCH + 2 * _WEEK,
    last_active_at=_MARCH + 2 * _WEEK,
    activities=8,
    items=[Item("i17", "Sowing tomatoes indoors: a beginner's guide", _MARCH)],
    terms={"tomatoes": 2.5, "garden": 1.25},
    windows=[WindowCount(_MARCH, 3), WindowCount(_MARCH + _WEEK, 1)],
    vector=[0.6, -0.8],
    kind="evergreen",
    evergreen=0.81,
    theme=Theme("t5f0c9a3b7d21e846-1", "Gardening"),
)
_CHANGE: Final = Change(
    id=f"{_VIEW.journey_id}:started:e412",
    user_id="elif",
    kind="started",
    occurred_at=_VIEW.promoted_at,
    cause="e412",
    journey_id=_VIEW.journey_id,
    journey=_VIEW,
)
_CURRENT: Final = CurrentJourney(
    user_id=_CHANGE.user_id,
    name="Growing vegetables",
    name_source="llm",
    revision=1,
    updated_at=_CHANGE.occurred_at,
    strength=7.4,
    rank=1,
    journey=_VIEW,
    journey_uuid=journey_uuid(_VIEW.journey_id),
)
_REQUEST: Final = NamingRequest(
    user_id=_CHANGE.user_id,
    journey_id=_VIEW.journey_id,
    revision=1,
    titles=[item.title for item in _VIEW.items],
    terms=_VIEW.terms,
    keywords=_VIEW.keywords,
    taken=["Skiing"],
    requested_at=_CHANGE.occurred_at,
)


def _row() -> UserJourneys:
    line = line_of(_CURRENT)
    row = row_of(_CURRENT.user_id, [(_CURRENT.updated_at, line)] if line else [])
    assert row is not None
    return row


_EXAMPLES: Final[dict[type, Any]] = {
    WireActivity: {
        "event_id": _CHANGE.cause,
        "user_id": _CHANGE.user_id,
        "item_id": "i23",
        "title": "Planting out leeks in raised beds",
        "occurred_at": "2024-03-15T00:00:00Z",
    },
    JourneyChange: json.loads(cloudevent(_CHANGE)),
    ChangeData: json.loads(encode(change_data(_CHANGE))),
    BinaryHeaders: {
        f"{ATTRIBUTE}{name}": value for name, value in cloudevent_attributes(_CHANGE).items()
    },
    NamedChange: json.loads(with_name(cloudevent(_CHANGE), _CURRENT.name)),
    WebhookHeaders: {
        "webhook-id": "chg_9c2ac2b5a4e2f0d1b3c4d5e6f7a8b9c0",
        "webhook-timestamp": str(_CHANGE.occurred_at // 1000 + 1),
        "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    },
    CurrentJourney: json.loads(encode(_CURRENT)),
    UserJourneys: json.loads(encode(_row())),
    NamingRequest: json.loads(encode(_REQUEST)),
    JourneyName: json.loads(encode(_REQUEST.answered("Growing vegetables", model="qwen"))),
    Erasure: {"reason": "asked for on 2024-05-02"},
}


def example(kind: type) -> Any:
    """What a message or its headers may look like, as JSON holds it."""
    return _EXAMPLES[kind]
