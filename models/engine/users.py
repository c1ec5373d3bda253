"""What is known of one user: clusters, the journeys among them, how far time has come."""

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

import msgspec

from models.engine.clusters import Clusters
from models.engine.exemplars import KEPT, Exemplar, offer, standing
from models.engine.lives import prefix_of
from models.engine.repeats import CountedIds
from models.engine.rhythm import USUAL, followed
from models.engine.windows import count_in
from models.records import NameSource, Stage
from models.text.keywords import Counts, add_counts
from models.vectors import Doubles, Levels, Vector

_number = attrgetter("number")


class Journey(msgspec.Struct, array_like=True, gc=False):
    """What a cluster has in addition once it is a journey.

    Attributes:
        stage: active or dormant; an ended or merged journey is no longer in the state.
        promoted_at: Event time of the activity that made it one, epoch ms.
        revision: Counts what calls for a new name: start, shifts, merges. Never the names.
        anchor: The cluster's mean at this revision, roughly (`sketched`): how far it moved is the
            shift.
        anchor_mass: Its mass then.
        revised_at: Event time of what made this revision, epoch ms.
        keywords: Keyword name at this revision.
        name: The name it goes by.
        source: Who made the name.
        named: The revision that the language model's name is for; 0 before the first.
        theme: Number of the theme that it is under (`themes.py`); 0 in state from before them.
        theme_name: What the theme goes by; "" while there is nothing to name.
        slept: Last of the silent windows after which it fell asleep last; -1 before the first time.
    """

    stage: Stage
    promoted_at: int
    revision: int
    revised_at: int
    anchor: bytes
    anchor_mass: float
    keywords: str
    name: str
    source: NameSource
    named: int = 0
    theme: int = 0
    theme_name: str = ""
    slept: int = -1


class Cluster(msgspec.Struct, array_like=True, gc=False):
    """One cluster of a user, without its numbers (`Clusters`).

    Attributes:
        number: Given once per user, never again.
        started_at: Event time of its first activity, epoch ms.
        last_at: Event time of its latest activity, epoch ms.
        count: Activities in all.
        cohesion: Running mean cosine of its activities to its mean.
        windows: Activities per window index, the last few windows only.
        terms: Counts of its salient terms, bounded.
        exemplars: Items that stand for it, bounded.
        journey: Set once it is promoted.
        rhythm: Mean step from one active window to the next (`rhythm.py`).
    """

    number: int
    started_at: int
    last_at: int
    count: int
    cohesion: float
    windows: dict[int, int]
    terms: Counts
    exemplars: list[Exemplar]
    journey: Journey | None = None
    rhythm: int = USUAL

    def count_window(self, window: int, kept: int) -> None:
        """Count an activity in its window, and forget all but the last so many windows."""
        last = self.last_window
        if 0 <= last < window:
            self.rhythm = followed(self.rhythm, window - last)
        count_in(self.windows, window, kept)

    @property
    def last_window(self) -> int:
        """Index of the latest window with activity, -1 before the first is counted."""
        return max(self.windows, default=-1)


class UserState:
    """One user's state; row i of `numbers` belongs to `clusters[i]`.

    It is changed in place by `Engine` and owned by whoever called it. After an error in between
    (not `Rejected`) it must be thrown away and loaded again.

    Attributes:
        user_id: Whose.
        salt: The partition of a user whose records lie on another than we would put them to, or
            what a life after an erasure has (`lives.py`). It goes into the prefix: where some do
            lie there, too, the two halves share no id, and no more do two lives.
        prefix: Of the user's cluster and journey ids: a hash, so that ids are unique over users.
        clusters: In the order they were opened.
        numbers: Their means, masses and times.
        latest: Latest event time among the user's activities, epoch ms; -1 before the first.
        due: Watermark (epoch ms) from which time alone changes something; None: never.
        behind: When the latest activity that came behind the partition's others arrived (record
            time, epoch ms); None while they keep up.
        given: How many cluster numbers were given.
        themes: How many theme numbers were given.
        applied: Highest applied offset per source partition.
        counted: Ids of the activities in the kept windows.
        dirty: Numbers of the clusters that changed since the last dump.
        removed: Numbers of the clusters that went since the last dump.
        versions: Of clusters that were stored apart, by number (`snapshot.apart`).
    """

    __slots__ = (
        "applied",
        "behind",
        "clusters",
        "counted",
        "dirty",
        "due",
        "given",
        "latest",
        "numbers",
        "prefix",
        "removed",
        "salt",
        "themes",
        "user_id",
        "versions",
    )

    def __init__(self, user_id: str, salt: int | None = None) -> None:
        self.user_id = user_id
        self.salt = salt
        self.prefix = prefix_of(user_id, salt)
        self.clusters: list[Cluster] = []
        self.numbers = Clusters(0)
        self.latest = -1
        self.due: int | None = None
        self.behind: int | None = None
        self.given = 0
        self.themes = 0
        self.applied: dict[int, int] = {}
        self.counted = CountedIds()
        self.dirty: set[int] = set()
        self.removed: set[int] = set()
        self.versions: dict[int, int] = {}

    def cluster_id(self, number: int) -> str:
        """Id of a cluster on the wire."""
        return f"c{self.prefix}-{number}"

    def journey_id(self, number: int) -> str:
        """Id of a journey: its cluster's, for life."""
        return f"j{self.prefix}-{number}"

    def theme_id(self, number: int) -> str:
        """Id of a theme on the wire, for life."""
        return f"t{self.prefix}-{number}"

    def theme(self, number: int) -> list[tuple[Cluster, Journey]]:
        """The journeys under a theme, in the order they were opened."""
        return [member for member in self.journeys() if member[1].theme == number]

    def journeys(self) -> Iterator[tuple[Cluster, Journey]]:
        """The clusters that are journeys, in the order they were opened."""
        for cluster in self.clusters:
            if cluster.journey is not None:
                yield cluster, cluster.journey

    def standing(self, cluster: Cluster, most: int = KEPT) -> list[Exemplar]:
        """What stands for a journey's cluster and no better for another's, best first.

        Args:
            cluster: Whose.
            most: So many of them, at most.
        """
        elsewhere = [
            item for other, _ in self.journeys() if other is not cluster for item in other.exemplars
        ]
        return standing(cluster.exemplars, elsewhere, most)

    def row_of(self, number: int) -> int:
        """Row of a cluster that is known to be there."""
        row = bisect_left(self.clusters, number, key=_number)  # they stand in the order of numbers
        if row == len(self.clusters) or self.clusters[row].number != number:
            raise KeyError(number)
        return row

    def direction(self, cluster: Cluster) -> Vector:
        """Unit mean of a cluster that is known to be there, shape (dimensions,)."""
        return self.numbers.direction(self.row_of(cluster.number))

    def open(self, cluster: Cluster, vector: Vector, moment: float, weight: float) -> None:
        """Add the cluster of an activity, which has nothing but its numbers yet."""
        if not self.clusters:
            self.numbers = Clusters(len(vector))
        self.given = max(self.given, cluster.number)
        self.clusters.append(cluster)
        self.numbers.append(vector, 1.0, moment, weight)
        self.dirty.add(cluster.number)

    def restore(
        self,
        clusters: list[Cluster],
        levels: Levels,
        steps: Doubles,
        masses: list[float],
        moments: list[float],
        weights: list[float],
    ) -> None:
        """Set the clusters as they were stored (`Clusters.restore`)."""
        self.clusters = clusters
        self.numbers = Clusters(levels.shape[1])
        self.numbers.restore(levels, steps, masses, moments, weights)
        for row, cluster in enumerate(clusters):
            if cluster.journey is not None:
                self.numbers.promote(row)

    def remove(self, cluster: Cluster) -> None:
        """Take a cluster out."""
        row = self.row_of(cluster.number)
        del self.clusters[row]
        self.numbers.remove(row)
        self.dirty.discard(cluster.number)
        self.removed.add(cluster.number)

    def absorb(self, kept: Cluster, gone: Cluster, half_life: float, windows: int) -> None:
        """Put all that `gone` holds into `kept` and take `gone` out.

        Args:
            kept: Keeps its number and its journey.
            gone: Its number is never given again.
            half_life: After it, an activity counts half, ms.
            windows: How many windows of history are kept.
        """
        into, source = self.row_of(kept.number), self.row_of(gone.number)
        kept.cohesion += (gone.cohesion - kept.cohesion) * gone.count / (kept.count + gone.count)
        self.numbers.absorb(into, source, half_life)
        if gone.count > kept.count:
            kept.rhythm = gone.rhythm
        kept.count += gone.count
        kept.started_at = min(kept.started_at, gone.started_at)
        kept.last_at = max(kept.last_at, gone.last_at)
        for window, activities in sorted(gone.windows.items()):
            count_in(kept.windows, window, windows, activities)
        add_counts(kept.terms, gone.terms)
        for item in gone.exemplars:
            offer(kept.exemplars, item)
        self.dirty.add(kept.number)
        self.remove(gone)
