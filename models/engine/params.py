"""The engine's settings, with the reason for each default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, Protocol, Self, TypeAlias

from models.engine.exemplars import KEPT
from models.engine.windows import active_in, index_of
from models.guard.policy import DEFAULT, Policy

RepeatedItems: TypeAlias = Literal["once", "each"]
Dormancy: TypeAlias = Literal["rhythm", "fixed"]

DAY_MS: Final = 86_400_000

# How fast an interest fades when nothing is heard of it: a cluster's claim to a place, an
# exemplar's to stand for its cluster, a journey's strength.
FADING_HALF_LIFE_MS: Final = 60 * DAY_MS


_FROM_0: Final = (0.0, 1e6)
_ABOVE_0: Final = (1e-3, 1e6)
_RANGES: Final = {
    "between": (1e-3, 1.0 - 1e-3),
    "usual": (1e-3, 1.0 - 1e-3),
    "merge": (-1e6, 1e6),
    **dict.fromkeys(
        ("trust", "dimensions", "match", "choices_from", "crowd_from", "recency_weeks", "shrink"),
        _ABOVE_0,
    ),
}


class Scale(NamedTuple):
    """The model's parameters. Those of the encoder's space ship with the encoder; nats are natural.

    Attributes:
        between: Variance between interests; 1 − between is within. Both are per unit vector: the
            mean cosine of two titles of one interest is about `between`.
        usual: Scatter that clusters show on average, 1 − squared length of their means: less than
            `within`, since like was put to like.
        gain: How far a user's within-variance follows their clusters' scatter.
        trust: Activities as whose evidence the usual scatter counts.
        dimensions: Effective dimensions: what a difference in similarity is worth.
        spread: Uncertainty that even a large cluster's mean keeps, in units of `between`.
        match: Nats that a match needs.
        merge: Nats that a merge needs.
        eager: Nats less where the merge makes a journey.
        choices: Nats more per e-fold of clusters past 20: the best of many is good by chance.
        choices_from: Clusters that are there from the start in that count.
        crowd: Nats more per e-fold of clusters that have grown, past `crowd_from`: someone has few
            such interests, a corpus has many, and fine ones.
        crowd_from: That many.
        recency: Nats less per e-fold of silence: the next activity is likely in a live interest.
        recency_weeks: Silence that counts as none.
        shrink: Weight of the origin in the user's mean.
    """

    between: float
    usual: float
    gain: float
    trust: float
    dimensions: float
    spread: float
    match: float
    merge: float
    eager: float
    choices: float
    choices_from: float
    crowd: float
    crowd_from: float
    recency: float
    recency_weeks: float
    shrink: float

    @classmethod
    def checked(cls, values: object) -> Self:
        """Make a scale of what a file says.

        Raises:
            ValueError: A parameter is missing, unknown, no number, or out of its range.
        """
        if not isinstance(values, Mapping) or set(values) != set(cls._fields):
            raise ValueError(f"scale has the fields {', '.join(cls._fields)}, and no others")
        for name, value in values.items():
            low, high = _RANGES.get(name, _FROM_0)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ValueError(f"scale: {name} is from {low:g} to {high:g}, not {value!r}")
        return cls(**{name: float(value) for name, value in values.items()})

    def packed(self) -> Any:
        """As the compiled functions take it: one value is handed over faster than many.

        Returns:
            A structured array of shape (1,), a float64 field for each parameter.
        """
        import numpy as np  # late: settings need the numbers, and a light start

        return np.array([tuple(self)], [(name, np.float64) for name in self._fields])


# Of the encoder `fast`, and of spaces for which nobody has fitted one. Chosen on topics that its
# training had not seen; see the README's evaluation.
SCALE: Final = Scale(
    between=0.145,
    usual=0.72,
    gain=1.4,
    trust=150.0,
    dimensions=120.0,
    spread=0.4,
    match=1.1,
    merge=3.5,
    eager=3.5,
    choices=1.7,
    choices_from=10.0,
    crowd=3.0,
    crowd_from=6.5,
    recency=1.05,
    recency_weeks=2.5,
    shrink=5.0,
)


class Space(Protocol):
    """What the engine must know of the encoder whose vectors it gets."""

    @property
    def scale(self) -> Scale:
        """The model's parameters for its space."""

    @property
    def languages(self) -> Iterable[str]:
        """Codes of the languages that it reads; none where it does not say."""


@dataclass(frozen=True)
class EngineParams:
    """What decides over clusters and journeys. Times in ms.

    Attributes:
        window_ms: Length of a window.
        history_windows: The last windows that the promotion rule looks at, and that are kept.
        promote_windows: In how many of them a cluster must be active to be a journey.
        promote_activities: How many activities it must have in all.
        repeated_items: Whether an item that comes again makes a journey: once (it counts once: as
            many different items are wanted as activities, up to the few that a cluster keeps) or
            each (every activity counts). An interest reaches over items: one song on repeat, a page
            that reloads, one video that a child wants every evening is a habit, and would be named
            by its only title.
        dormant_windows: Silent windows until a journey is dormant.
        dormancy: Whether a journey's own rhythm (`rhythm.py`) has a say in when it falls asleep and
            wakes, or not (fixed). With it, 14 real people were told "dormant" or "resumed" less
            than half as often.
        ended_windows: Silent windows until it ends: more than a year, so that yearly ones resume.
        lateness_ms: How far activities may come out of order before a window closes.
        backlog_ms: How long nothing must arrive of a user whose activities came behind the others'
            until time passes for them again.
        max_clusters: Clusters kept per user: a person has tens of interests, and as many one-offs.
        half_life_ms: After it, an activity counts half in its cluster, so that means can drift.
        shift: A journey has shifted when its mean has moved since it was named, by more than chance
            would move it, so far: in squared distance, as a share of the mean's squared length.
        scale: The clustering model's parameters; each encoder says its own.
        languages: Codes of those that the encoder reads; empty where it does not say. Of somebody
            with titles in others, a journey of such titles is one to doubt (`legible.py`).
        policy: What may be published of a journey; it decides over nothing else.
    """

    window_ms: int = 7 * DAY_MS
    history_windows: int = 6
    promote_windows: int = 3
    promote_activities: int = 5
    repeated_items: RepeatedItems = "once"
    dormant_windows: int = 4
    dormancy: Dormancy = "rhythm"
    ended_windows: int = 56
    lateness_ms: int = DAY_MS
    backlog_ms: int = DAY_MS // 24
    max_clusters: int = 256
    half_life_ms: int = 270 * DAY_MS
    shift: float = 0.5
    scale: Scale = SCALE
    languages: frozenset[str] = frozenset()
    policy: Policy = DEFAULT

    @cached_property
    def kernel(self) -> Any:
        """The scale as the compiled functions take it."""
        return self.scale.packed()

    @property
    def most_dormant_windows(self) -> int:
        """Silent windows until any journey is dormant: ends are told later by a third at most."""
        return min(4 * self.dormant_windows // 3, self.ended_windows - 1)

    def persists(
        self, activities: int, items: int, windows: Mapping[int, int], moment: int
    ) -> bool:
        """The promotion rule: whether a cluster is a journey.

        Args:
            activities: How many it has in all.
            items: How many different items are behind them; `KEPT` stands for any more.
            windows: Its history of windows.
            moment: The user's latest event time, epoch ms.
        """
        different = min(self.promote_activities, KEPT) if self.repeated_items == "once" else 1
        return (
            activities >= self.promote_activities
            and items >= different
            and active_in(windows, index_of(moment, self.window_ms), self.history_windows)
            >= self.promote_windows
        )
