"""Personalised extraction on a stream: which of a user's clusters an activity belongs to.

ICPC (arXiv 2305.15498, section 3) clusters a user's whole history in batch; here each activity is
put to a cluster once, as it comes, and clusters that turn out to be one are merged.
"""

import math
from typing import Final

import numpy as np

from models.engine.exemplars import FIRST_SIMILARITY, Exemplar, offer, score_of, shorten
from models.engine.lifecycle import end, reschedule, resume, revise, tell
from models.engine.outcome import Outcome
from models.engine.params import FADING_HALF_LIFE_MS, EngineParams
from models.engine.rhythm import has_returned
from models.engine.users import Cluster, UserState
from models.engine.views import change, current, request, view
from models.engine.windows import index_of
from models.records import Activity
from models.text.keywords import add_counts, count_terms, relative, terms_of
from models.vectors import Vector

# A cluster looks for a twin each time it has grown by a fifth: at 2, 3, 4, 5, 6, 8, 9, 11 …
_LOOKS: Final = frozenset(math.ceil(1.2**power) for power in range(1, 100))

SECOND: Final = 2


def assign(
    user: UserState, params: EngineParams, activity: Activity, vector: Vector, out: Outcome
) -> Cluster:
    """Put the activity to its nearest cluster, or open one for it.

    Returns:
        The cluster, the activity counted in it but not yet in a window.
    """
    moment, weight = activity.occurred_at, activity.weight
    row, score, cosine = -1, 0.0, 1.0
    if user.clusters:
        row, score, cosine = user.numbers.take(params, vector, moment, weight)
    if score > 0.0:
        cluster = user.clusters[row]
        cluster.cohesion += (cosine - cluster.cohesion) / (cluster.count + 1)
        user.dirty.add(cluster.number)
    else:
        if len(user.clusters) >= params.max_clusters:
            _make_room(user, params, activity, out)
        cosine = FIRST_SIMILARITY
        cluster = Cluster(user.given + 1, moment, moment, 0, 1.0, {}, {}, [])
        user.open(cluster, vector, moment, weight)
    cluster.count += 1
    if cluster.count == SECOND and score > 0.0:  # the first is as near to it as it to the first
        first = cluster.exemplars[0]
        first.score = score_of(cosine, first.occurred_at, FADING_HALF_LIFE_MS)
    cluster.last_at = max(cluster.last_at, moment)
    cluster.started_at = min(cluster.started_at, moment)
    if activity.terms and (terms := relative(activity.terms)):
        add_counts(cluster.terms, terms)
    else:
        count_terms(cluster.terms, terms_of(activity.title))
    offer(
        cluster.exemplars,
        Exemplar(
            activity.item_id,
            shorten(activity.title),
            moment,
            score_of(cosine, moment, FADING_HALF_LIFE_MS),
        ),
    )
    return cluster


def merge_near(
    user: UserState, params: EngineParams, cluster: Cluster, activity: Activity, out: Outcome
) -> Cluster:
    """Look for twins of the cluster that the activity was put to, and merge with them one by one.

    It looks when it has grown by a fifth; and as long as it is no journey always, but then only for
    one with which it would be a journey, and is content with less: an interest that has left its
    traces in several clusters is not found late for that.

    Returns:
        The cluster that goes on: the oldest journey, else the oldest cluster.
    """
    grown = cluster.count in _LOOKS
    while (grown or cluster.journey is None) and len(user.clusters) > 1:
        other, score = user.numbers.most_alike(params, user.row_of(cluster.number))
        twin = user.clusters[other]
        if not (grown and score > 0.0) and not (
            score > -params.scale.eager and _persist(user, params, cluster, twin, activity)
        ):
            break
        cluster = _merge(user, params, cluster, twin, activity, out)
    return cluster


def _persist(
    user: UserState, params: EngineParams, first: Cluster, second: Cluster, activity: Activity
) -> bool:
    """Whether two clusters that are no journeys are one together, the activity counted in."""
    if first.journey is not None or second.journey is not None:
        return False
    window = index_of(activity.occurred_at, params.window_ms)
    windows = first.windows | second.windows | {window: 1}
    items = {item.item_id for item in (*first.exemplars, *second.exemplars)}
    return params.persists(first.count + second.count, len(items), windows, user.latest)


def _merge(
    user: UserState,
    params: EngineParams,
    first: Cluster,
    second: Cluster,
    activity: Activity,
    out: Outcome,
) -> Cluster:
    """Merge two clusters; returns the one that goes on."""
    kept, gone = sorted((first, second), key=_seniority)
    moment, cause = activity.occurred_at, activity.event_id
    kept_id = user.journey_id(kept.number)
    if gone.journey is not None:
        shown = view(user, params, gone, gone.journey, "merged")
        out.changes.append(change(user, shown, "merged", moment, cause, kept_id))
        out.journeys.append(current(user, gone, gone.journey, shown, moment, kept_id))
    fresher = gone.last_window > kept.last_window
    windows = sorted({*kept.windows, *gone.windows})
    user.absorb(kept, gone, params.half_life_ms, params.history_windows)
    out.merged.append((user.cluster_id(gone.number), user.cluster_id(kept.number)))
    journey = kept.journey
    if journey is not None:
        asleep = journey.stage == "dormant"
        if asleep and fresher and has_returned(params, windows[-1] - windows[-2]):
            resume(user, params, kept, journey, moment, cause, out)
        if gone.journey is not None:
            renamed = revise(user, kept, journey, moment, (gone.journey.theme,))
            tell(user, params, renamed, moment, out)
        shown = view(user, params, kept, journey)
        if gone.journey is not None:
            out.requests.append(request(user, kept, journey, shown))
        out.journeys.append(current(user, kept, journey, shown, moment))
        reschedule(user, params)
    return kept


def _seniority(cluster: Cluster) -> tuple[bool, int, int]:
    """Sorts journeys before clusters, then by how long they have been one."""
    journey = cluster.journey
    return journey is None, journey.promoted_at if journey else 0, cluster.number


def _make_room(user: UserState, params: EngineParams, activity: Activity, out: Outcome) -> None:
    """Drop the weakest cluster: no journey while there is another, else a dormant one first."""
    numbers = user.numbers
    ranks = [
        0 if cluster.journey is None else 1 + (cluster.journey.stage == "active")
        for cluster in user.clusters
    ]
    # Masses are decayed to different moments: in logarithms they can be brought to one.
    size = numbers.size
    worth = np.log2(numbers.mass[:size]) + numbers.touched[:size] / FADING_HALF_LIFE_MS
    weakest = user.clusters[np.lexsort((worth, np.array(ranks)))[0]]
    if weakest.journey is not None:
        moment, cause = activity.occurred_at, activity.event_id
        end(user, params, weakest, weakest.journey, moment, cause, out)
        reschedule(user, params)
    else:
        user.remove(weakest)
