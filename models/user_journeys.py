"""A user's row on `user-journeys`, folded of what stands on `journeys` and of nothing else.

What may not be shown is not in there any more, so it cannot come to be here.
"""

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from models.records import CurrentJourney, UserJourney, UserJourneys, journey_uuid

LIVING: Final = ("active", "dormant")
_LAST: Final = 1 << 30  # the place of a journey whose record says none


def line_of(current: CurrentJourney) -> UserJourney | None:
    """A journey as its user's row has it, ranked as its record says; None if it has no place there.

    Args:
        current: The journey's latest record.
    """
    view = current.journey
    if view.stage not in LIVING:
        return None
    return UserJourney(
        journey_id=view.journey_id,
        journey_uuid=journey_uuid(view.journey_id),
        name=current.name,
        name_source=current.name_source,
        stage=view.stage,
        kind=view.kind,
        theme=view.theme.name if view.theme else None,
        rank=current.rank or _LAST,
        strength=current.strength,
        confidence=view.confidence,
        started_at=view.started_at,
        last_active_at=view.last_active_at,
        activities=view.activities,
    )


def row_of(user_id: str, lines: Iterable[tuple[int, UserJourney]]) -> UserJourneys | None:
    """The row of a user; None without a journey.

    Each rank is of the moment when its record was published, so two may be first: then the later
    one is, and the places are counted anew.

    Args:
        user_id: Whose.
        lines: Each with its record's `updated_at`, in any order.
    """
    placed = sorted(lines, key=lambda one: (one[1].rank, -one[0], one[1].journey_id))
    if not placed:
        return None
    return UserJourneys(
        user_id=user_id,
        updated_at=max(moment for moment, _ in placed),
        journeys=[_at(place, line) for place, (_, line) in enumerate(placed, start=1)],
    )


def _at(place: int, line: UserJourney) -> UserJourney:
    return line if line.rank == place else replace(line, rank=place)
