"""The users who wait for time, in the order in which it comes."""

from hypothesis import given
from hypothesis import strategies as st

from models.engine.due import DueUsers


def test_the_longest_due_come_first_and_no_others() -> None:
    due = DueUsers({"a": 30, "b": 10, "c": 20})
    assert due.at(9, 0) == []
    assert due.at(20, 0) == ["b", "c"]
    assert due.at(99, 0, 2) == ["b", "c"]
    assert due.at(99, 0, 0) == []


def test_they_are_due_until_something_is_said() -> None:
    due = DueUsers()
    due.set("a", 10)
    assert due.at(10, 0) == due.at(10, 0) == ["a"]
    due.set("a", 20)
    assert due.at(10, 0) == []
    assert due.at(20, 0) == ["a"]
    due.set("a", None)
    due.set("never", None)
    assert due.at(99, 0) == []


def test_who_waits_again_for_what_it_waited_for_before_comes_once() -> None:
    due = DueUsers()
    for moment in (10, 20, 10, 20, 10):
        due.set("a", moment)
    assert due.at(99, 0) == ["a"]
    assert due.at(99, 0, 1) == ["a"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 20), st.integers(0, 20))
    )
)
def test_it_is_as_if_all_were_looked_at(steps: list[tuple[str, int | None, int]]) -> None:
    due, plain = DueUsers(), dict[str, int]()
    for user, moment, watermark in steps:
        due.set(user, moment)
        plain.pop(user, None)
        if moment is not None:
            plain[user] = moment
        wanted = sorted((m, u) for u, m in plain.items() if m <= watermark)
        assert due.at(watermark, 0) == [u for _, u in wanted]
        assert due.at(watermark, 0, 2) == [u for _, u in wanted[:2]]


def test_who_is_held_back_waits_for_what_arrives_too() -> None:
    due = DueUsers({"a": 10})
    due.set("b", 10, held=5)
    due.set("c", 30, held=5)
    assert due.at(20, 4) == ["a"]
    assert due.at(20, 5) == ["a", "b"]
    due.set("b", 10, held=9)
    due.set("a", None, held=9)
    assert due.at(20, 8) == []
    due.set("b", 10)
    assert due.at(20, 8) == ["b"]
    due.set("c", 30, held=7)
    due.set("c", None)
    assert due.at(99, 99) == ["b"]
