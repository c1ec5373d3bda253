"""The engine's settings, with the reason for each default."""

from dataclasses import dataclass, field
from typing import Any, Final

from models.kernel import Scale

DAY_MS: Final = 86_400_000

# How fast an interest fades when nothing is heard of it: a cluster's claim to a place, an
# exemplar's to stand for its cluster, a journey's strength.
FADING_HALF_LIFE_MS: Final = 60 * DAY_MS

# Chosen on topics that the default encoder was not trained on; see the README's evaluation.
SCALE: Final = Scale(
    between=0.2,
    dimensions=120.0,
    spread=0.55,
    match=1.0,
    merge=3.0,
    choices=1.5,
    choices_from=10.0,
    recency=1.05,
    recency_weeks=2.5,
    shrink=3.75,
)


@dataclass(frozen=True, slots=True)
class EngineParams:
    """What decides over clusters and journeys. Times in ms.

    Attributes:
        window_ms: Length of a window.
        history_windows: The last windows that the promotion rule looks at, and that are kept.
        promote_windows: In how many of them a cluster must be active to be a journey.
        promote_activities: How many activities it must have in all.
        dormant_windows: Silent windows until a journey is dormant.
        ended_windows: Silent windows until it ends: more than a year, so that yearly ones resume.
        lateness_ms: How far activities may come out of order before a window closes.
        max_clusters: Clusters kept per user; a person has tens of interests, not thousands.
        half_life_ms: After it, an activity counts half in its cluster, so that means can drift.
        shift: A journey has shifted when its mean has moved since it was named, by more than chance
            would move it, so far: in squared distance, as a share of the mean's squared length.
        scale: The clustering model's parameters, chosen for the default encoder.
        kernel: The same as the compiled functions take it.
    """

    window_ms: int = 7 * DAY_MS
    history_windows: int = 6
    promote_windows: int = 3
    promote_activities: int = 5
    dormant_windows: int = 4
    ended_windows: int = 56
    lateness_ms: int = DAY_MS
    max_clusters: int = 128
    half_life_ms: int = 270 * DAY_MS
    shift: float = 0.5
    scale: Scale = SCALE
    kernel: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", self.scale.packed())
