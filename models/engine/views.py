"""How a journey is shown to others: its view, its confidence, its current record, its request."""

import math

import numpy as np

from models.engine.params import FADING_HALF_LIFE_MS, EngineParams
from models.engine.users import Cluster, Journey, UserState
from models.records import Item, JourneyRecord, JourneyView, NamingRequest, Stage, WindowCount
from models.text.keywords import salient

VECTOR_DECIMALS = 3  # half a thousandth off per part: a cosine is right to four digits


def confidence(user: UserState, cluster: Cluster, params: EngineParams) -> float:
    """How sure it is that this journey is one interest that persists, 0 to 1.

    A logistic model, fitted on journeys at their promotion and checked on others
    (`models/evaluation/extraction/fit_confidence.py`; the evaluation plots its reliability): it
    grows with the windows, the activities, how alike they are, and their share of all that the user
    does.
    """
    windows = len(cluster.windows) / params.history_windows
    evidence = math.log2(1 + cluster.count / params.promote_activities)
    share = math.log2(cluster.count / sum(known.count for known in user.clusters))
    logit = 0.09 * windows + 0.54 * evidence + 0.54 * cluster.cohesion + 0.93 * share + 4.21
    return round(1.0 / (1.0 + math.exp(-logit)), 3)


def view(
    user: UserState, cluster: Cluster, journey: Journey, stage: Stage, params: EngineParams
) -> JourneyView:
    """A journey of the user, as it is now."""
    direction = user.direction(cluster).astype(np.float64)
    return JourneyView(
        journey_id=user.journey_id(cluster.number),
        cluster_id=user.cluster_id(cluster.number),
        stage=stage,
        keywords=journey.keywords,
        confidence=confidence(user, cluster, params),
        started_at=cluster.started_at,
        promoted_at=journey.promoted_at,
        last_active_at=cluster.last_at,
        activities=cluster.count,
        items=[Item(item.item_id, item.title, item.occurred_at) for item in cluster.best()],
        terms=salient(cluster.terms),
        windows=[
            WindowCount(index * params.window_ms, cluster.windows[index])
            for index in sorted(cluster.windows)
        ],
        vector=np.round(direction, VECTOR_DECIMALS).tolist(),
    )


def record(
    user: UserState,
    cluster: Cluster,
    journey: Journey,
    shown: JourneyView,
    updated_at: int,
    merged_into: str | None = None,
) -> JourneyRecord:
    """The journey's record for the compacted topic."""
    row = user.row_of(cluster.number)
    numbers = user.numbers
    # Not `user.latest`: whether a window closes by the user's next activity, which is that already,
    # or before it by the passing of time must make no difference.
    counted = float(numbers.touched[: numbers.size].max())
    strength = numbers.strength(counted, FADING_HALF_LIFE_MS)
    rank = None
    if shown.stage in ("active", "dormant"):
        rows = [place for place, known in enumerate(user.clusters) if known.journey is not None]
        rank = numbers.rank(strength, rows, row)
    return JourneyRecord(
        user_id=user.user_id,
        name=journey.name,
        name_source=journey.source,
        revision=journey.revision,
        updated_at=updated_at,
        strength=round(float(strength[row]), 2),
        rank=rank,
        journey=shown,
        merged_into=merged_into,
    )


def request(user: UserState, cluster: Cluster, journey: Journey) -> NamingRequest:
    """Asks for a name of the journey at its present revision."""
    return NamingRequest(
        user_id=user.user_id,
        journey_id=user.journey_id(cluster.number),
        revision=journey.revision,
        titles=cluster.titles(),
        terms=salient(cluster.terms),
        keywords=journey.keywords,
        taken=[other.name for known, other in user.journeys() if known is not cluster],
        requested_at=journey.revised_at,
    )
