"""Which changes a subscriber wants: by kind, user, name and confidence, and at most so many a day.

The one rule of whoever passes changes on to people: the webhook, `journeys watch`, the monitor's
feed. It decides from a change and those before it, so it says the same wherever it is asked.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from typing import Final, NamedTuple

from models.decoding import ChangeEvent
from models.known import Known

DAY_MS: Final = 86_400_000

_UserDay = tuple[str, int]


class Seen(NamedTuple):
    """A change as far as the rule looks at it.

    Attributes:
        id: The same for a repeat.
        user_id: Whose.
        kind: What happened.
        name: What its journey goes by.
        confidence: Of the journey, 0 to 1; None where it is not known.
        published: The record's time, epoch ms.
        partition: Where it lies on its topic; a user's changes are on one.
        offset: Where it lies there.
    """

    id: str
    user_id: str
    kind: str
    name: str
    confidence: float | None
    published: int
    partition: int
    offset: int

    @classmethod
    def of(
        cls, change: ChangeEvent, known: Known, published: int, partition: int, offset: int
    ) -> "Seen":
        """A change, and what is known of its journey."""
        return cls(
            change.id,
            change.data.user_id,
            change.kind,
            known.name,
            known.confidence,
            published,
            partition,
            offset,
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a subscriber wants; by default everything.

    Attributes:
        kinds: Only these kinds; none means all.
        users: Only users whose id is like one of these patterns (`*` is anything); none means all.
        names: Only journeys whose name is like one of these, in small letters or capitals.
        confidence: Only journeys that are at least so sure; one whose confidence is not known is
            not, unless this is 0.
        per_day: At most so many of a user on a day (of UTC, by when they were published): the
            first ones. None: all.
    """

    kinds: frozenset[str] = frozenset()
    users: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    confidence: float = 0.0
    per_day: int | None = None

    def fits(self, change: Seen) -> bool:
        """Whether it is wanted, whatever came before it."""
        return (
            (not self.kinds or change.kind in self.kinds)
            and self.confidence <= (change.confidence or 0.0)
            and _is_like(change.user_id, self.users)
            and _is_like(change.name.casefold(), [one.casefold() for one in self.names])
        )


EVERYTHING: Final = Selection()


class Selector:
    """Applies a selection to changes as they come, those of a partition in their order.

    A repeat of a change, on the same day, is decided as the first of it was.

    Args:
        selection: What is wanted.
        earlier: Asked once for each user and day, at the first change that fits: what of that user
            was published on that day before, on the same partition. It is for those who do not
            begin at the day's first change.
    """

    def __init__(
        self, selection: Selection, earlier: Callable[[Seen], Iterable[Seen]] = lambda _: ()
    ) -> None:
        self._selection = selection
        self._earlier = earlier
        self._latest: dict[int, int] = {}  # day, by partition
        self._passed: dict[int, dict[_UserDay, set[str]]] = {}  # ids, by partition

    def wants(self, change: Seen) -> bool:
        """Whether this one is passed on."""
        if not self._selection.fits(change):
            return False
        if self._selection.per_day is None:
            return True
        return self._has_room(self._passed_on(change), change)

    def forget(self) -> None:
        """Begin anew: partitions come from elsewhere, or go."""
        self._latest.clear()
        self._passed.clear()

    def _passed_on(self, change: Seen) -> set[str]:
        """Ids of what of this user was passed on that day."""
        day, held = change.published // DAY_MS, self._passed.setdefault(change.partition, {})
        if day > self._latest.get(change.partition, day - 1):
            self._latest[change.partition] = day
            for one in [one for one in held if one[1] < day - 1]:  # clocks of writers differ
                del held[one]
        place = (change.user_id, day)
        if place not in held:
            held[place] = set()
            for before in self._earlier(change):
                if self._selection.fits(before):
                    self._has_room(held[place], before)
        return held[place]

    def _has_room(self, passed: set[str], change: Seen) -> bool:
        assert self._selection.per_day is not None
        if change.id not in passed:
            if len(passed) >= self._selection.per_day:
                return False
            passed.add(change.id)
        return True


def _is_like(text: str, patterns: Iterable[str]) -> bool:
    """Whether a text is like one of some patterns, or there are none."""
    patterns = tuple(patterns)
    return not patterns or any(re.match(translate(one), text) for one in patterns)
