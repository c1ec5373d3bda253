"""Small lives of users for the engine's tests: days in, vectors made by hand."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.engine.engine import Engine
from models.engine.outcome import Outcome
from models.engine.params import DAY_MS, EngineParams
from models.engine.users import UserState
from models.records import Activity

DIMENSIONS = 16
WEEK = 7
START = 19_600 * DAY_MS // (7 * DAY_MS) * (7 * DAY_MS)  # a window's first moment, 2023


def topic(number: int, wobble: int = 0, share: float = 0.2) -> NDArray[np.float32]:
    """A unit vector of one topic; wobble makes it another title of the same topic."""
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[number] = 1.0
    if wobble:
        random = np.random.default_rng(1000 * number + wobble).standard_normal(DIMENSIONS)
        vector += np.float32(share) * (random / np.linalg.norm(random)).astype(np.float32)
    unit: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return unit


class Life:
    """One user on one engine; every act is kept with what it brought."""

    def __init__(self, params: EngineParams | None = None, user_id: str = "u") -> None:
        self.engine = Engine(params)
        self.user: UserState = self.engine.new_user(user_id)
        self.outcomes: list[Outcome] = []
        self.acts = 0

    def act(
        self,
        day: float,
        about: int,
        title: str = "",
        wobble: bool = True,
        kin: float = 0.0,
        **fields: Any,
    ) -> Outcome:
        """The user does something about a topic on a day after START; fields of the activity.

        What is done with `kin` leans so far towards one direction, whatever it is about.
        """
        self.acts += 1
        event = Activity(
            f"e{self.acts}",
            self.user.user_id,
            f"i{self.acts}",
            title or f"title {self.acts} topic{about}",
            START + int(day * DAY_MS),
        )
        vector = topic(about, self.acts if wobble else 0)
        vector += np.float32(kin) * topic(DIMENSIONS - 1)
        vector /= np.linalg.norm(vector)
        event = msgspec.structs.replace(event, **fields)
        return self.keep(self.engine.activity(self.user, event, vector))

    def keep(self, outcome: Outcome) -> Outcome:
        self.outcomes.append(outcome)
        return outcome

    def pass_to(self, day: float) -> Outcome:
        """The partition's watermark comes to a day."""
        return self.keep(self.engine.passing(self.user, START + int(day * DAY_MS)))

    def weekly(self, weeks: range, about: int, times: int = 2) -> None:
        """The same interest, some times each week."""
        for week in weeks:
            for time in range(times):
                self.act(week * WEEK + 1 + time, about)

    def kinds(self) -> list[str]:
        return [change.kind for outcome in self.outcomes for change in outcome.changes]

    def ids(self) -> list[str]:
        return [change.id for outcome in self.outcomes for change in outcome.changes]
