"""Which fault comes when: drawn by a seed, so that a run can be had again."""

import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

# How often each comes in one deal; the deals are shuffled one by one, so that the shares hold in
# short runs, too.
FAULTS: Final = {
    "kill": 5,  # SIGKILL, and another worker in its place
    "stop": 1,  # SIGTERM, and another worker in its place
    "freeze": 1,  # SIGSTOP for longer than the session
    "join": 1,  # one more worker
    "leave": 1,  # SIGTERM, and nobody in its place
    "files": 1,  # SIGKILL, and the local files of its partitions damaged
    "naming": 1,  # the naming server is gone, hangs, answers garbage or is slow, and back
    "broker-restart": 1,  # SIGKILL, away for a while
    "broker-freeze": 1,  # SIGSTOP for a while
}
CLEAN: Final = {"stop", "join", "leave", "naming"}  # by which nothing may come twice


class Fault(NamedTuple):
    """One fault.

    Attributes:
        kind: Of `FAULTS`.
        pause: Seconds before it.
        chance: Between 0 and 1: draws whom it meets, and how.
        length: Between 0 and 1: how long it lasts, of the longest.
    """

    kind: str
    pause: float
    chance: float
    length: float


def faults(seed: int, kinds: Sequence[str], pause: float) -> Iterator[Fault]:
    """Faults without end.

    Args:
        seed: Draws them.
        kinds: Which may come.
        pause: Seconds between two, on average.
    """
    drawn = random.Random(seed)
    while True:
        deal = [kind for kind in kinds for _ in range(FAULTS[kind])]
        drawn.shuffle(deal)
        for kind in deal:
            # Most outages are short, some as long as they may be.
            yield Fault(kind, drawn.uniform(0, 2 * pause), drawn.random(), drawn.random() ** 2)
