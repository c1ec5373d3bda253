"""How a journey is shown to others: as it is, what happened to it, what name it wants."""

import numpy as np

from models.engine.confidence import confidence
from models.engine.exemplars import SHOWN
from models.engine.kinds import evergreen, kind_of, rhythm_of
from models.engine.params import FADING_HALF_LIFE_MS, EngineParams
from models.engine.users import Cluster, Journey, UserState
from models.records import (
    Change,
    CurrentJourney,
    Item,
    JourneyView,
    Kind,
    NamingRequest,
    Stage,
    Theme,
    WindowCount,
    journey_uuid,
)
from models.text.keywords import salient

VECTOR_DECIMALS = 3  # half a thousandth off per part: a cosine is right to four digits


def view(
    user: UserState,
    params: EngineParams,
    cluster: Cluster,
    journey: Journey,
    stage: Stage | None = None,
) -> JourneyView:
    """A journey of the user, as it is now.

    Args:
        user: Whose.
        params: The engine's settings.
        cluster: The journey's cluster, still in the user's state.
        journey: What is shown.
        stage: Where it differs from the journey's own: an ended one is shown as ended.
    """
    direction = user.direction(cluster).astype(np.float64)
    stage = stage or journey.stage
    windows = [
        WindowCount(index * params.window_ms, cluster.windows[index])
        for index in sorted(cluster.windows)
    ]
    rhythm = rhythm_of(cluster.started_at, cluster.last_at, windows, stage, params.history_windows)
    lasting = evergreen(rhythm)
    theme = Theme(user.theme_id(journey.theme), journey.theme_name or None)
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
        items=[
            Item(item.item_id, item.title, item.occurred_at)
            for item in user.standing(cluster, SHOWN)
        ],
        terms=salient(cluster.terms),
        windows=windows,
        vector=np.round(direction, VECTOR_DECIMALS).tolist(),
        kind=kind_of(lasting),
        evergreen=lasting,
        theme=theme if journey.theme else None,
    )


def change(
    user: UserState,
    shown: JourneyView,
    kind: Kind,
    moment: int,
    cause: str,
    merged_into: str | None = None,
) -> Change:
    """The event that something happened to a journey.

    Args:
        user: Whose.
        shown: The journey as it is after the change.
        kind: What happened.
        moment: Event time, epoch ms.
        cause: Event id or window; with journey and kind it makes the change's id.
        merged_into: Id of the journey that goes on.
    """
    return Change(
        id=f"{shown.journey_id}:{kind}:{cause}",
        user_id=user.user_id,
        kind=kind,
        occurred_at=moment,
        cause=cause,
        journey_id=shown.journey_id,
        journey=shown,
        merged_into=merged_into,
    )


def named(user: UserState, cluster: Cluster, journey: Journey) -> Change:
    """The event of the journey's name; its moment is its revision's, whenever the name arrived."""
    journey_id = user.journey_id(cluster.number)
    cause = f"{journey.revision}:{journey.source}"
    return Change(
        id=f"{journey_id}:named:{cause}",
        user_id=user.user_id,
        kind="named",
        occurred_at=journey.revised_at,
        cause=f"revision:{cause}",
        journey_id=journey_id,
        name=journey.name,
        name_source=journey.source,
        revision=journey.revision,
    )


def current(
    user: UserState,
    cluster: Cluster,
    journey: Journey,
    shown: JourneyView,
    updated_at: int,
    merged_into: str | None = None,
) -> CurrentJourney:
    """How the journey stands now, for the compacted topic."""
    # At the user's latest counted activity. Not at `user.latest`: whether a window closes by the
    # user's next activity, which is that already, or before it by the passing of time must make no
    # difference.
    row = user.row_of(cluster.number)
    strength, place = user.numbers.standing(row, FADING_HALF_LIFE_MS)
    return CurrentJourney(
        user_id=user.user_id,
        name=journey.name,
        name_source=journey.source,
        revision=journey.revision,
        updated_at=updated_at,
        strength=round(strength, 2),
        rank=place if shown.stage in ("active", "dormant") else None,
        journey=shown,
        merged_into=merged_into,
        journey_uuid=journey_uuid(shown.journey_id),
    )


def request(
    user: UserState, cluster: Cluster, journey: Journey, shown: JourneyView, attempt: int = 1
) -> NamingRequest:
    """Asks for a name of the journey, as it is shown at its present revision.

    Args:
        user: Whose.
        cluster: The journey's cluster.
        journey: What is to be named.
        shown: Its view.
        attempt: 1 for the first time.
    """
    return NamingRequest(
        user_id=user.user_id,
        journey_id=user.journey_id(cluster.number),
        revision=journey.revision,
        titles=[item.title for item in shown.items],
        terms=shown.terms,
        keywords=journey.keywords,
        taken=[other.name for known, other in user.journeys() if known is not cluster],
        requested_at=journey.revised_at,
        attempt=attempt,
    )
