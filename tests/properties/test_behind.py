"""Users behind and ahead of each other: when somebody looked at the clock makes no difference."""

from collections.abc import Set

from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine import snapshot
from models.engine.due import DueUsers
from models.engine.engine import Engine
from models.engine.outcome import Outcome
from models.engine.params import DAY_MS
from models.engine.users import UserState
from models.errors import Rejected
from models.records import Activity, encode
from tests.properties.test_core import PARAMS
from tests.support.lives import START, topic

HOUR_MS = DAY_MS // 24
NEVER = 1 << 62
# Of three users who live in times of their own: whose, what about, how much later in their own
# life, how much later it arrives.
acts = st.tuples(
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from([-3, 0, 1, 4, 6, 40]),
    st.sampled_from([0, 0, 0, HOUR_MS // 2, 2 * HOUR_MS]),
)
logs = st.lists(
    st.tuples(acts, st.integers(1, 8)).map(lambda one: [one[0]] * one[1]), max_size=14
).map(lambda runs: [one for run in runs for one in run])


def lived(log: list[tuple[int, int, int, int]], looks: Set[int]) -> tuple[dict[str, bytes], bytes]:
    """All changes by id, and the state at the end, of a partition that is looked at so often."""
    engine, due = Engine(PARAMS), DueUsers()
    users = {f"u{number}": UserState(f"u{number}") for number in range(3)}
    days, watermark, arrival = [0, 100, 300], -1, START
    changes: dict[str, bytes] = {}

    def keep(outcome: Outcome) -> None:
        for change in outcome.changes:
            assert change.id not in changes
            changes[change.id] = encode(change)

    def look(arrived: int) -> None:
        for user_id in due.at(watermark, arrived):
            keep(engine.passing(users[user_id], watermark))
            due.set(user_id, engine.due(users[user_id]))

    for place, (number, about, later, silence) in enumerate(log):
        days[number] += later
        arrival += silence
        user, moment = users[f"u{number}"], START + days[number] * DAY_MS
        what = Activity(f"e{place}", user.user_id, f"i{place}", f"title {about} {place}", moment)
        try:
            keep(engine.activity(user, what, topic(about, place), watermark, arrival))
        except Rejected:
            continue
        watermark = max(watermark, moment)
        due.set(user.user_id, engine.due(user), engine.held(user.behind))
        if place in looks:
            look(arrival)
    look(NEVER)
    for user in users.values():
        user.behind = None  # who waits for nothing may still be said to be
    return changes, encode([snapshot.dump(user) for user in users.values()])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(logs, st.sets(st.integers(0, 112)))
def test_when_somebody_has_looked_makes_no_difference(
    log: list[tuple[int, int, int, int]], looks: set[int]
) -> None:
    assert lived(log, looks) == lived(log, set()) == lived(log, set(range(len(log))))
