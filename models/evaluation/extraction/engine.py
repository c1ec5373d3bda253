"""The engine over one person, as a method like the others."""

from collections.abc import Callable
from typing import TypeAlias

from models.datasets.people import Person
from models.engine.engine import Engine
from models.engine.params import EngineParams
from models.engine.users import UserState
from models.engine.windows import index_of
from models.errors import Rejected
from models.evaluation.extraction.judge import Found
from models.records import JourneyView

ConfidenceOf: TypeAlias = Callable[[UserState, JourneyView], float]


def published_confidence(_user: UserState, journey: JourneyView) -> float:
    """The confidence that the engine publishes."""
    return journey.confidence


def run(
    person: Person, params: EngineParams, confidence_of: ConfidenceOf = published_confidence
) -> Found:
    """Put a person's activities through the engine, in one pass.

    Clusters are final ones: what was merged counts as what it went into. A journey that was merged
    into another is no journey of its own; the other then exists since the earlier of the two. An
    activity that the engine refuses is alone in a cluster.

    Args:
        person: Whose.
        params: The engine's settings.
        confidence_of: What counts as the confidence in a journey at the moment it was promoted.
    """
    engine = Engine(params)
    user = engine.new_user(person.user_id)
    assigned: list[str] = []
    merged: dict[str, str] = {}
    promoted: dict[str, tuple[int, float]] = {}
    for activity, vector in zip(person.activities, person.vectors, strict=True):
        try:
            out = engine.activity(user, activity, vector)
        except Rejected:
            assigned.append(activity.event_id)
            continue
        assigned.append(out.cluster_id or activity.event_id)
        merged.update(out.merged)
        for change in out.changes:
            if change.kind == "started" and change.journey is not None:
                window = index_of(change.occurred_at, params.window_ms)
                promoted[change.journey.cluster_id] = (window, confidence_of(user, change.journey))

    def final(cluster_id: str) -> str:
        while cluster_id in merged:
            cluster_id = merged[cluster_id]
        return cluster_id

    numbers: dict[str, int] = {}
    clusters = [numbers.setdefault(final(cluster_id), len(numbers)) for cluster_id in assigned]
    journeys: dict[int, int] = {}
    confidence: dict[int, float] = {}
    for cluster_id, (window, value) in promoted.items():
        number = numbers.setdefault(final(cluster_id), len(numbers))
        journeys.setdefault(number, window)
        confidence.setdefault(number, value)
    return Found(clusters, journeys, confidence)
