"""What must hold of the rule that chooses changes, whatever comes."""

from collections import defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from models.selection import DAY_MS, Seen, Selection, Selector

KINDS = ("started", "named", "dormant", "resumed")
NAMES = ("Chess", "Board games, chess", "Sourdough", "ÉCHECS")


@st.composite
def logs(draw: st.DrawFn) -> list[Seen]:
    """Changes of some users on two partitions, now and then one again, time going on."""
    found: list[Seen] = []
    time = 0
    for offset in range(draw(st.integers(0, 40))):
        time += draw(st.sampled_from((0, 1, 1_000, DAY_MS // 3, DAY_MS)))
        if found and draw(st.integers(0, 9)) == 0:
            found.append(draw(st.sampled_from(found))._replace(published=time, offset=offset))
            continue
        user = draw(st.integers(0, 3))
        found.append(
            Seen(
                id=f"c{offset}",
                user_id=f"u{user}",
                kind=draw(st.sampled_from(KINDS)),
                name=draw(st.sampled_from(NAMES)),
                confidence=draw(st.sampled_from((None, 0.0, 0.5, 1.0))),
                published=time,
                partition=user % 2,
                offset=offset,
            )
        )
    return found


selections = st.builds(
    Selection,
    kinds=st.frozensets(st.sampled_from(KINDS), max_size=2),
    users=st.sampled_from(((), ("u1",), ("u[12]", "u3"), ("x*",))),
    names=st.sampled_from(((), ("*chess*",), ("sourdough", "échecs"))),
    confidence=st.sampled_from((0.0, 0.5, 1.0)),
    per_day=st.sampled_from((None, 1, 2)),
)


def chosen(selection: Selection, log: list[Seen]) -> list[Seen]:
    selector = Selector(selection)
    return [one for one in log if selector.wants(one)]


@given(logs(), selections)
def test_no_day_has_more_than_asked_for_and_they_are_the_first(
    log: list[Seen], selection: Selection
) -> None:
    fitting = [one for one in log if selection.fits(one)]
    days: dict[tuple[str, int], list[str]] = defaultdict(list)
    for one in fitting:
        ids = days[one.user_id, one.published // DAY_MS]
        if one.id not in ids:
            ids.append(one.id)
    assert chosen(selection, log) == [
        one
        for one in fitting
        if one.id in days[one.user_id, one.published // DAY_MS][: selection.per_day]
    ]


@given(logs(), selections, st.integers(0, 40))
def test_who_begins_anew_anywhere_decides_the_same(
    log: list[Seen], selection: Selection, start: int
) -> None:
    def earlier(change: Seen) -> list[Seen]:
        return [
            one
            for one in log
            if one.user_id == change.user_id
            and one.partition == change.partition
            and one.offset < change.offset
            and one.published // DAY_MS == change.published // DAY_MS
        ]

    selector = Selector(selection, earlier)
    assert [one for one in log[start:] if selector.wants(one)] == [
        one for one in chosen(selection, log) if one.offset >= start
    ]


@given(logs(), selections)
def test_others_make_no_difference_to_a_user(log: list[Seen], selection: Selection) -> None:
    for user in {one.user_id for one in log}:
        mine = [one for one in log if one.user_id == user]
        assert chosen(selection, mine) == [
            one for one in chosen(selection, log) if one.user_id == user
        ]


@given(logs(), selections)
def test_who_asks_for_fewer_gets_no_other_ones(log: list[Seen], selection: Selection) -> None:
    every = chosen(replace(selection, per_day=None), log)
    assert all(one in every for one in chosen(selection, log))
    assert chosen(Selection(), log) == log


def test_names_are_compared_without_regard_to_capitals_and_users_with_it() -> None:
    seen = Seen("c", "U1", "started", "STRASSE, Échecs", 0.5, 0, 0, 0)
    assert Selection(names=("straße*",)).fits(seen)
    assert not Selection(names=("Échecs",)).fits(seen)
    assert not Selection(users=("u1",)).fits(seen)


def test_what_is_not_known_to_be_sure_is_not() -> None:
    seen = Seen("c", "u", "named", "Chess", None, 0, 0, 0)
    assert Selection().fits(seen)
    assert not Selection(confidence=0.1).fits(seen)
