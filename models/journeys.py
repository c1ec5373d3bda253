"""The pure core: a user's state and an input give the new state and the changes.

No clock, no I/O, no randomness: `journeys replay` and the worker get the same changes bit for bit.
A cluster is personalised extraction as in ICPC (arXiv 2305.15498, section 3), done on a stream; it
becomes a journey when it persists across windows, and lives on as DESIGN.md, section 4 says.

Two rules keep a user's changes free of neighbours and of batch bounds:

- A window closes for a user when their own latest activity is `lateness` past its end. Where they
  do not come back, it closes when the partition's watermark is twice that far: an activity that is
  no more out of order than `lateness` would by then have closed it itself.
- What a change says depends on activities and time only. Names come when they come, so they stand
  in `named` changes and in records, and a change's id is made from its cause.
"""

import math

from models.clusterer import Vector
from models.errors import Reason, Rejected
from models.exemplars import Exemplar, offer, score, shorten
from models.keywords import count_terms, keyword_name, terms_of
from models.outcome import Outcome
from models.params import EngineParams
from models.records import Activity, JourneyName, Stage
from models.users import Cluster, Journey, UserState, packed, unpacked
from models.windows import active_in, count_in, end_of, index_of, last_closed

__all__ = ["Engine", "EngineParams", "Outcome", "UserState"]

# Shift and merge compare whole centroids; a centroid moves little per activity, so every fourth
# is enough. Counted per cluster and not per batch, so that batches do not matter.
CHECK_EVERY = 4


class Engine:
    """Applies inputs to users. It has settings and no state, so one serves all users."""

    def __init__(self, params: EngineParams | None = None) -> None:
        self.params = params or EngineParams()

    def new_user(self, user_id: str) -> UserState:
        """A user of whom nothing is known."""
        return UserState(user_id)

    def due(self, user: UserState) -> int | None:
        """The watermark (epoch ms) from which `passing` has something to do; None: never."""
        return user.due

    def activity(self, user: UserState, activity: Activity, vector: Vector) -> Outcome:
        """Apply one activity of the user.

        Args:
            user: Changed in place.
            activity: Whose `user_id` is the user's.
            vector: Of its title, float32, shape (dimensions,), unit length.

        Raises:
            Rejected: TOO_LATE when its window is no longer kept, BAD_VECTOR when the vector is of
                another size than the user's others; the user is then as before.
        """
        params = self.params
        moment = activity.occurred_at
        window = index_of(moment, params.window_ms)
        if user.clusters and len(vector) != user.centroids.dimensions:
            raise Rejected(Reason.BAD_VECTOR, f"{len(vector)} dimensions, the user's activities "
                                              f"before it had {user.centroids.dimensions}")
        oldest = index_of(user.latest, params.window_ms) - params.history_windows
        if moment < user.latest - params.lateness_ms and window <= oldest:
            raise Rejected(Reason.TOO_LATE, "its window is no longer kept")
        out = Outcome(user, self.params)
        if moment > user.latest:
            user.latest = moment
            if user.due is not None and moment >= user.due - params.lateness_ms:
                self._close(user, moment, params.lateness_ms, out)
        row = self._assign(user, activity, vector, out)
        cluster = user.clusters[row]
        if cluster.count % CHECK_EVERY == 0:
            cluster = self._merge_near(user, cluster, activity, out)
        self._live_on(user, cluster, window, activity, out)
        out.number = cluster.number
        out.promoted = cluster.journey is not None
        return out

    def name(self, user: UserState, answer: JourneyName) -> Outcome:
        """Apply a namer's answer; a stale, void, keyword-made or taken one does nothing."""
        out = Outcome(user, self.params)
        for cluster, journey in user.journeys():
            if user.journey_id(cluster.number) != answer.journey_id:
                continue
            name = (answer.name or "").strip()
            fresh = journey.named < answer.revision == journey.revision
            if answer.source == "llm" and fresh and name and not self._taken(user, cluster, name):
                journey.name, journey.source, journey.named = name, "llm", answer.revision
                user.dirty.add(cluster.number)
                out.named(cluster, journey)
                out.publish(cluster, journey, journey.revised_at)
        return out

    def passing(self, user: UserState, watermark: int) -> Outcome:
        """Apply the passing of time for a user who does not come back.

        Args:
            user: Changed in place.
            watermark: How far the event time of the user's partition has come, epoch ms.
        """
        out = Outcome(user, self.params)
        if user.due is not None and watermark >= user.due:
            self._close(user, watermark, 2 * self.params.lateness_ms, out)
        return out

    # ---- activities --------------------------------------------------------------------------------

    def _assign(self, user: UserState, activity: Activity, vector: Vector, out: Outcome) -> int:
        """Put the activity to its nearest cluster, or open one; returns the cluster's row."""
        moment, weight = activity.occurred_at, activity.weight
        row = -1
        similarity = 1.0
        if user.clusters:
            similarities = user.centroids.similarities(vector)
            row = int(similarities.argmax())
            similarity = float(similarities[row])
        if row < 0 or similarity < self.params.join:
            if len(user.clusters) >= self.params.max_clusters:
                self._make_room(user, activity, out)
            similarity = 1.0
            row = user.open(Cluster(user.given + 1, weight, moment, moment, moment, 0, 1.0,
                                    {}, {}, []), vector)
            cluster = user.clusters[row]
        else:
            cluster = user.clusters[row]
            if moment >= cluster.touched:
                cluster.mass *= 0.5 ** ((moment - cluster.touched) / self.params.half_life_ms)
                cluster.touched = moment
            else:
                weight *= 0.5 ** ((cluster.touched - moment) / self.params.half_life_ms)
            cluster.mass += weight
            share = weight / cluster.mass
            user.centroids.pull(row, vector, share)
            cluster.cohesion += share * (similarity - cluster.cohesion)
            user.dirty.add(cluster.number)
        cluster.count += 1
        cluster.last_at = max(cluster.last_at, moment)
        cluster.started_at = min(cluster.started_at, moment)
        count_terms(cluster.terms, activity.terms or terms_of(activity.title))
        offer(cluster.exemplars, Exemplar(
            activity.item_id, shorten(activity.title), moment,
            score(similarity, moment, self.params.half_life_ms)))
        return row

    def _live_on(self, user: UserState, cluster: Cluster, window: int, activity: Activity,
                 out: Outcome) -> None:
        """Count the activity in its window, and what follows for the journey or its start."""
        params, journey = self.params, cluster.journey
        moment, cause = activity.occurred_at, activity.event_id
        newest = max(cluster.windows, default=-1)
        count_in(cluster.windows, window, params.history_windows)
        if journey is None:
            now = index_of(user.latest, params.window_ms)
            if (cluster.count >= params.promote_activities
                    and active_in(cluster.windows, now, params.history_windows)
                    >= params.promote_windows):
                self._start(user, cluster, moment, cause, out)
            return
        changed = False
        if journey.stage == "dormant" and window > newest:
            journey.stage = "active"
            out.change(cluster, journey, "resumed", moment, cause)
            changed = True
        if cluster.count % CHECK_EVERY == 0:
            moved = float(user.centroid(cluster) @ unpacked(journey.anchor))
            if moved < params.shift:
                self._revise(user, cluster, journey, moment)
                out.change(cluster, journey, "shifted", moment, cause)
                out.ask(cluster, journey)
                changed = True
        if window > newest:
            self._reschedule(user)
        if changed or window > newest:
            out.publish(cluster, journey, moment)

    def _start(self, user: UserState, cluster: Cluster, moment: int, cause: str, out: Outcome
               ) -> None:
        """Make a cluster a journey; its keyword name is there at once."""
        journey = Journey("active", moment, 0, moment, b"", "", "", "keywords")
        cluster.journey = journey
        self._revise(user, cluster, journey, moment)
        self._reschedule(user)
        out.change(cluster, journey, "started", moment, cause)
        out.named(cluster, journey)
        out.publish(cluster, journey, moment)
        out.ask(cluster, journey)

    def _revise(self, user: UserState, cluster: Cluster, journey: Journey, moment: int) -> None:
        """Begin a revision: what the journey is about is taken anew, and a name is wanted."""
        journey.revision += 1
        journey.revised_at = moment
        journey.anchor = packed(user.centroid(cluster))
        taken = {other.keywords for known, other in user.journeys() if known is not cluster}
        journey.keywords = keyword_name(cluster.terms, cluster.titles(), taken)
        if journey.source == "keywords":
            journey.name = journey.keywords
        user.dirty.add(cluster.number)

    # ---- clusters that merge or must go ------------------------------------------------------------

    def _merge_near(self, user: UserState, cluster: Cluster, activity: Activity, out: Outcome
                    ) -> Cluster:
        """Merge the cluster with its nearest neighbour if they have grown together.

        Returns:
            The cluster that goes on: the older journey, else the journey, else the older cluster.
        """
        row = user.row_of(cluster.number)
        similarities = user.centroids.similarities(user.centroids[row])
        similarities[row] = -1.0
        nearest = int(similarities.argmax())
        if len(user.clusters) < 2 or similarities[nearest] < self.params.merge:
            return cluster
        kept, gone = sorted((cluster, user.clusters[nearest]), key=_seniority)
        moment, cause = activity.occurred_at, activity.event_id
        kept_id = user.journey_id(kept.number)
        if gone.journey is not None:
            out.change(gone, gone.journey, "merged", moment, cause, stage="merged",
                       merged_into=kept_id)
            out.publish(gone, gone.journey, moment, stage="merged", merged_into=kept_id)
        fresher = gone.last_window > kept.last_window
        user.absorb(kept, gone, self.params.half_life_ms, self.params.history_windows)
        out.merged.append((user.cluster_id(gone.number), user.cluster_id(kept.number)))
        journey = kept.journey
        if journey is not None:
            if fresher and journey.stage == "dormant":
                journey.stage = "active"
                out.change(kept, journey, "resumed", moment, cause)
            if gone.journey is not None:
                self._revise(user, kept, journey, moment)
                out.ask(kept, journey)
            out.publish(kept, journey, moment)
            self._reschedule(user)
        return kept

    def _make_room(self, user: UserState, activity: Activity, out: Outcome) -> None:
        """Drop the weakest cluster: no journey if one is left, else a dormant journey first."""
        half_life = self.params.half_life_ms

        def worth(row: int) -> tuple[int, float]:
            cluster = user.clusters[row]
            rank = 0 if cluster.journey is None else 1 + (cluster.journey.stage == "active")
            # Masses are decayed to different moments: compared in logarithms, brought to one.
            return rank, math.log2(cluster.mass) + cluster.touched / half_life

        weakest = user.clusters[min(range(len(user.clusters)), key=worth)]
        if weakest.journey is not None:
            self._end(user, weakest, weakest.journey, activity.occurred_at, activity.event_id, out)
        else:
            user.remove(weakest)

    # ---- time --------------------------------------------------------------------------------------

    def _close(self, user: UserState, moment: int, lateness: int, out: Outcome) -> None:
        """Close the windows that are over: journeys silent for long go dormant, then end."""
        params = self.params
        closed = last_closed(moment, params.window_ms, lateness)
        journeys = {cluster.number: (cluster, journey) for cluster, journey in user.journeys()}
        steps: list[tuple[int, int, Stage]] = []
        for cluster, journey in journeys.values():
            asleep = cluster.last_window + params.dormant_windows
            if journey.stage == "active" and asleep <= closed:
                steps.append((asleep, cluster.number, "dormant"))
            if cluster.last_window + params.ended_windows <= closed:
                steps.append((cluster.last_window + params.ended_windows, cluster.number, "ended"))
        for window, number, stage in sorted(steps):
            cluster, journey = journeys[number]
            end = end_of(window, params.window_ms)
            if stage == "ended":
                self._end(user, cluster, journey, end, f"window:{end}", out)
            else:
                journey.stage = "dormant"
                user.dirty.add(number)
                out.change(cluster, journey, "dormant", end, f"window:{end}")
                out.publish(cluster, journey, end)
        self._reschedule(user)

    def _end(self, user: UserState, cluster: Cluster, journey: Journey, moment: int, cause: str,
             out: Outcome) -> None:
        """End a journey: told, published for the last time, forgotten."""
        out.change(cluster, journey, "ended", moment, cause, stage="ended")
        out.publish(cluster, journey, moment, stage="ended")
        user.remove(cluster)

    def _reschedule(self, user: UserState) -> None:
        """Set the watermark from which the passing of time alone brings a change."""
        params = self.params
        windows = [
            cluster.last_window
            + (params.dormant_windows if journey.stage == "active" else params.ended_windows)
            for cluster, journey in user.journeys()
        ]
        user.due = (end_of(min(windows), params.window_ms) + 2 * params.lateness_ms
                    if windows else None)

    def _taken(self, user: UserState, cluster: Cluster, name: str) -> bool:
        """Whether another journey of the user goes by that name."""
        folded = name.casefold()
        return any(journey.name.casefold() == folded
                   for known, journey in user.journeys() if known is not cluster)


def _seniority(cluster: Cluster) -> tuple[bool, int, int]:
    """Sorts journeys before clusters, then by how long they have been one."""
    journey = cluster.journey
    return journey is None, journey.promoted_at if journey else 0, cluster.number
