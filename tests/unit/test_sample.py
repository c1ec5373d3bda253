from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from models.decoding import parse_activity
from models.records import Activity
from streams.demo.sample.generator import SEASONS, START, WEEKS, catalogue, generate

WINDOW_MS = 7 * 86_400_000
SAMPLE = generate()


def parsed() -> list[Activity]:
    return [parse_activity(msgspec.json.encode(activity)) for activity in SAMPLE.activities]


def test_the_catalogue_is_a_few_hundred_items_over_some_thirty_interests() -> None:
    interests = catalogue()
    items = [item for entry in interests for item in entry["items"]]
    assert len(interests) >= 30
    assert len(items) >= 400
    assert len({item["item_id"] for item in items}) == len(items)
    assert len({item["title"] for item in items}) == len(items)
    assert min(len(entry["items"]) for entry in interests) >= 12


def test_the_same_seed_gives_the_same_sample() -> None:
    assert generate() == SAMPLE
    assert generate(seed=8) != SAMPLE


def test_activities_are_valid_unique_and_in_the_order_of_time() -> None:
    activities = parsed()
    assert 2_500 <= len(activities) <= 4_000
    assert len({a.event_id for a in activities}) == len(activities)
    times = [a.occurred_at for a in activities]
    assert times == sorted(times)
    start = int(START.timestamp() * 1000)
    assert start <= times[0]
    assert times[-1] < start + WEEKS * WINDOW_MS


def test_the_truth_accounts_for_every_activity() -> None:
    interest_of = {
        item["item_id"]: entry["interest"] for entry in catalogue() for item in entry["items"]
    }
    seen = defaultdict(list)
    for a in parsed():
        week = (a.occurred_at - int(START.timestamp() * 1000)) // WINDOW_MS
        seen[a.user_id, interest_of[a.item_id]].append(week)
    assert seen == {(i.user_id, i.interest): list(i.weeks) for i in SAMPLE.truth}


def test_every_kind_of_interest_is_there_and_is_what_it_says() -> None:
    kinds = Counter(interest.kind for interest in SAMPLE.truth)
    assert kinds.keys() == {"persistent", "dropped", "seasonal", "binge", "one-off"}
    assert kinds["persistent"] >= 48
    for interest in SAMPLE.truth:
        weeks = set(interest.weeks)
        if interest.kind == "binge":
            assert len(weeks) == 1
            assert len(interest.weeks) >= 12
        elif interest.kind == "one-off":
            assert len(weeks) == 1
            assert len(interest.weeks) <= 3
        elif interest.kind == "persistent":
            assert len(weeks) >= 15
        elif interest.kind == "dropped":
            assert max(weeks) <= 10
        assert (interest.interest in SEASONS) == (interest.kind == "seasonal")


def test_a_binge_lies_within_one_of_the_engines_windows() -> None:
    binges = {(i.user_id, i.interest) for i in SAMPLE.truth if i.kind == "binge"}
    interest_of = {
        item["item_id"]: entry["interest"] for entry in catalogue() for item in entry["items"]
    }
    windows = defaultdict(set)
    for a in parsed():
        if (key := (a.user_id, interest_of[a.item_id])) in binges:
            windows[key].add(a.occurred_at // WINDOW_MS)
    assert windows.keys() == binges
    assert {len(found) for found in windows.values()} == {1}


def test_some_seasons_return() -> None:
    def returns(weeks: Iterable[int]) -> bool:
        return any(later - earlier > 20 for earlier, later in pairwise(weeks))

    seasonal = [i for i in SAMPLE.truth if i.kind == "seasonal"]
    assert sum(returns(i.weeks) for i in seasonal) >= len(seasonal) / 3
