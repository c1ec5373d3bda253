"""The pure core: a user's state and an input give the new state and the changes.

No clock, no I/O, no randomness: `journeys replay` and the worker get the same changes bit for bit.
An activity is put to one of the user's clusters (`assignment`), a cluster that persists across
windows becomes a journey, and a journey lives on (`lifecycle`).

Three rules keep a user's changes free of neighbours and of batch bounds:

- A window closes for a user when their own latest activity is `lateness` past its end. Where they
  do not come back, it closes when the partition's watermark is twice that far: an activity that is
  no more out of order than `lateness` would by then have closed it itself.
- A user whose activities come behind the partition's others by more than `lateness` (a history that
  is imported beside live traffic, a device that was offline) is not silent: time passes for them up
  to the watermark before the first of those, and not again before nothing has arrived of them for
  `backlog`. Until then their own activities close their windows, as if they were alone.
- What a change says depends on activities and time only. Names come when they come, so they stand
  in `named` changes and in current journeys, and a change's id is made from its cause.
"""

from typing import Final

from models.engine.assignment import assign, merge_near
from models.engine.lifecycle import (
    close_windows,
    due_of,
    has_shifted,
    reschedule,
    resume,
    revise,
    start,
    tell,
)
from models.engine.outcome import Outcome
from models.engine.params import EngineParams
from models.engine.publishable import make_publishable
from models.engine.repeats import short
from models.engine.rhythm import has_returned
from models.engine.users import Cluster, UserState
from models.engine.views import change, current, named, request, view
from models.engine.windows import index_of
from models.errors import Reason, Rejected
from models.records import Activity, JourneyName
from models.vectors import Vector

# Shift compares whole vectors; a mean moves little per activity, so every fourth is enough.
# Counted per cluster and not per batch, so that batches do not matter. A dormant journey is looked
# at when it wakes.
CHECK_EVERY: Final = 4
MOST_ATTEMPTS: Final = 3  # at a name, where others of the user go by those that came


class Engine:
    """Applies inputs to users. It has settings and no state, so one serves all users."""

    def __init__(self, params: EngineParams | None = None) -> None:
        self.params = params or EngineParams()
        self.params.policy.prepare()

    def new_user(self, user_id: str, salt: int | None = None) -> UserState:
        """A user of whom nothing is known.

        Args:
            user_id: Whose state.
            salt: See `UserState`.
        """
        return UserState(user_id, salt)

    def due(self, user: UserState) -> int | None:
        """The watermark (epoch ms) from which `passing` has something to do; None: never."""
        return user.due

    def held(self, behind: int | None) -> int | None:
        """The arrival (record time, epoch ms) before which a user's silence does not count.

        Args:
            behind: See `UserState`.

        Returns:
            None: it counts at once.
        """
        return None if behind is None else behind + self.params.backlog_ms

    def activity(
        self,
        user: UserState,
        activity: Activity,
        vector: Vector,
        watermark: int = -1,
        arrival: int = 0,
    ) -> Outcome:
        """Apply one activity of the user; one whose event id was counted before does nothing.

        Args:
            user: Changed in place.
            activity: Whose `user_id` is the user's.
            vector: Of its title, float32, shape (dimensions,), unit length.
            watermark: How far event time had come in the user's partition before it, epoch ms.
            arrival: How far what arrives there has, record time, epoch ms.

        Raises:
            Rejected: TOO_LATE when its window is no longer kept, BAD_VECTOR when the vector is of
                another size than the user's others; the user is then as before.
        """
        params = self.params
        moment = activity.occurred_at
        window = index_of(moment, params.window_ms)
        if user.clusters and len(vector) != user.numbers.dimensions:
            raise Rejected(
                Reason.BAD_VECTOR,
                f"{len(vector)} dimensions, the user's activities "
                f"before it had {user.numbers.dimensions}",
            )
        latest = index_of(user.latest, params.window_ms)
        if moment < user.latest - params.lateness_ms and window <= latest - params.history_windows:
            raise Rejected(Reason.TOO_LATE, "its window is no longer kept")
        out, event = Outcome(), short(activity.event_id)
        if event in user.counted:
            out.repeated = True
            return out
        late = moment < watermark - params.lateness_ms
        if late and arrival >= (self.held(user.behind) or 0):
            # Time has passed, whether somebody has looked in between or not.
            self._pass(user, watermark, out)
        user.behind = arrival if late else None
        if moment > user.latest:
            if window > latest:
                user.counted.forget(window - params.history_windows, latest)
            user.latest = moment
            if user.due is not None and moment >= user.due - params.lateness_ms:
                close_windows(user, params, moment, params.lateness_ms, out)
        user.counted.add(event, max(window, latest))
        cluster = assign(user, params, activity, vector, out)
        cluster = merge_near(user, params, cluster, activity, out)
        self._count(user, cluster, window, activity, out)
        out.cluster_id = user.cluster_id(cluster.number)
        make_publishable(out, params.policy)
        return out

    def name(self, user: UserState, answer: JourneyName) -> Outcome:
        """Apply a namer's answer; a stale, void or keyword-made one does nothing.

        Where another journey has got the name in the meantime, another one is asked for.
        """
        out = Outcome()
        name = (answer.name or "").strip()
        if answer.source != "llm" or not name:
            return out
        for cluster, journey in user.journeys():
            if user.journey_id(cluster.number) != answer.journey_id:
                continue
            fresh = journey.named < answer.revision == journey.revision
            if fresh and _taken(user, cluster, name):
                if answer.attempt < MOST_ATTEMPTS:
                    shown, attempt = view(user, self.params, cluster, journey), answer.attempt + 1
                    out.requests.append(request(user, cluster, journey, shown, attempt))
            elif fresh:
                journey.name, journey.source, journey.named = name, "llm", answer.revision
                user.dirty.add(cluster.number)
                shown = view(user, self.params, cluster, journey)
                out.changes.append(named(user, cluster, journey))
                out.journeys.append(current(user, cluster, journey, shown, journey.revised_at))
        make_publishable(out, self.params.policy)
        return out

    def passing(self, user: UserState, watermark: int) -> Outcome:
        """Apply the passing of time for a user who does not come back.

        Args:
            user: Changed in place.
            watermark: How far the event time of the user's partition has come, epoch ms.
        """
        out = Outcome()
        self._pass(user, watermark, out)
        user.behind = None
        make_publishable(out, self.params.policy)
        return out

    def _pass(self, user: UserState, watermark: int, out: Outcome) -> None:
        if user.due is not None and watermark >= user.due:
            close_windows(user, self.params, watermark, 2 * self.params.lateness_ms, out)

    def _count(
        self, user: UserState, cluster: Cluster, window: int, activity: Activity, out: Outcome
    ) -> None:
        """Count the activity in its window, and draw what follows for the journey or its start."""
        params, journey = self.params, cluster.journey
        moment, cause = activity.occurred_at, activity.event_id
        newest = cluster.last_window
        due = due_of(cluster, journey, params) if journey else None
        cluster.count_window(window, params.history_windows)
        if journey is None:
            items = len(cluster.exemplars)
            if params.persists(cluster.count, items, cluster.windows, user.latest):
                start(user, params, cluster, moment, cause, out)
            return
        shown, asleep = None, journey.stage == "dormant"
        resumed = asleep and window > newest and has_returned(params, window - newest)
        if resumed:
            shown = resume(user, params, cluster, journey, moment, cause, out)
        looked_at = resumed or (not asleep and cluster.count % CHECK_EVERY == 0)
        if looked_at and has_shifted(user, cluster, journey, params):
            tell(user, params, revise(user, cluster, journey, moment), moment, out)
            shown = view(user, params, cluster, journey)
            out.changes.append(change(user, shown, "shifted", moment, cause))
            out.requests.append(request(user, cluster, journey, shown))
        # Its rhythm may have quickened, so that it is due sooner than before in spite of it.
        sooner = user.due is None or due_of(cluster, journey, params) < user.due
        if window > newest and (sooner or user.due == due):
            reschedule(user, params)
        if window > newest or shown:
            shown = shown or view(user, params, cluster, journey)
            out.journeys.append(current(user, cluster, journey, shown, moment))


def _taken(user: UserState, cluster: Cluster, name: str) -> bool:
    """Whether another journey of the user goes by that name."""
    folded = name.casefold()
    return any(
        journey.name.casefold() == folded
        for known, journey in user.journeys()
        if known is not cluster
    )
