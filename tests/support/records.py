"""A few changes and journeys with every field there is, and with as few as there can be."""

from models.records import Change, CurrentJourney, Item, JourneyView, Theme, WindowCount

_VIEW = JourneyView(
    journey_id="j1",
    cluster_id="c1",
    stage="active",
    keywords="Garden, vegetable",
    confidence=0.9876,
    started_at=1_700_000_000_000,
    promoted_at=1_700_900_000_000,
    last_active_at=1_701_000_000_000,
    activities=31,
    items=[Item("i1", "Sowing tomatoes indoors: когда, wann, いつ", 1_700_000_000_000)],
    terms={"vegetable": 2.5, "garden": 1.25, "tomato": 0.5},
    windows=[WindowCount(0, 0), WindowCount(1_700_000_000_000, 5)],
    vector=[0.0, -0.1234, 1.0],
    kind="evergreen",
    evergreen=0.75,
    theme=Theme("t1", "Garden, kitchen"),
)
_BARE = JourneyView(
    journey_id="j2",
    cluster_id="c2",
    stage="ended",
    keywords="",
    confidence=0.0,
    started_at=0,
    promoted_at=0,
    last_active_at=0,
    activities=0,
    items=[],
    terms={},
    windows=[],
    vector=[],
)


CHANGES = [
    Change(
        id="j1:started:e1",
        user_id="élif",
        kind="started",
        occurred_at=1_701_000_000_000,
        cause="e1",
        journey_id="j1",
        journey=_VIEW,
    ),
    Change(
        id="j1:named:1:keywords",
        user_id="élif",
        kind="named",
        occurred_at=1_701_000_000_000,
        cause="e1",
        journey_id="j1",
        name="Growing vegetables",
        name_source="keywords",
        revision=1,
    ),
    Change(
        id="j2:merged:e2",
        user_id="élif",
        kind="merged",
        occurred_at=1_701_000_000_001,
        cause="e2",
        journey_id="j2",
        merged_into="j1",
        journey=_BARE,
    ),
]

JOURNEYS = [
    CurrentJourney(
        user_id="élif",
        name="Growing vegetables",
        name_source="llm",
        revision=2,
        updated_at=1_701_000_000_000,
        strength=12.5,
        rank=1,
        journey=_VIEW,
    ),
    CurrentJourney(
        user_id="élif",
        name="",
        name_source="keywords",
        revision=0,
        updated_at=0,
        strength=0.0,
        rank=None,
        journey=_BARE,
        merged_into="j1",
    ),
]
