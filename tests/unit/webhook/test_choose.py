"""What is sent of a record: its change as it was published, with the name of its journey."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from models.errors import Rejected
from models.records import cloudevent
from models.selection import EVERYTHING, Selection
from streams.query.store import Store
from streams.settings import Settings
from streams.webhook.choose import Chooser
from tests.support.published import change_records, filled, sample, take
from tests.support.records import CHANGES


def chooser(store: Store, selection: Selection = EVERYTHING) -> Chooser:
    return Chooser(Settings.load(), store, selection)


def test_each_change_has_the_name_that_its_journey_goes_by_now(tmp_path: Path) -> None:
    names = {one.journey.journey_id: one.name for one in sample().journeys}
    choose = chooser(filled(tmp_path))
    for change, one in zip(sample().changes, change_records(sample().changes), strict=True):
        delivery = choose.of(one.value, one.headers, one.timestamp, one.partition, one.offset)
        assert delivery is not None
        assert (delivery.user_id, delivery.event_id) == (change.user_id, change.id)
        event = json.loads(delivery.body)
        assert event.pop("journeyname") == (change.name or names[change.journey_id])
        assert event == json.loads(cloudevent(change)), "in structured mode, whatever came"


def test_before_journeys_has_come_names_are_those_of_the_changes(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    named = next(one for one in sample().changes if one.kind == "named")
    later = replace(
        named, id="later", kind="dormant", name=None, journey=sample().journeys[0].journey
    )
    take(store, change_records([replace(named, name="Told before")]))
    delivery = chooser(store).of(cloudevent(later), [], 0, 0, 1)
    assert delivery is not None
    assert json.loads(delivery.body)["journeyname"] == "Told before"


def test_who_starts_again_sends_no_more_a_day_than_asked_for(tmp_path: Path) -> None:
    store, few = filled(tmp_path), Selection(per_day=2)
    records = change_records(sample().changes)
    whole, found = chooser(store, few), []
    for number, one in enumerate(records):
        anew = chooser(store, few)  # as after a crash, at every record
        place = (one.value, one.headers, one.timestamp, one.partition, one.offset)
        delivery = whole.of(*place)
        assert anew.of(*place) == delivery, number
        found += [delivery.user_id] if delivery else []
    assert {found.count(user) for user in found} == {2}


@pytest.mark.parametrize(
    "value", [None, b"", b"junk", b"{}", cloudevent(CHANGES[0])[:-1] + b',"odd":"\xff"}']
)
def test_what_is_no_change_is_said(tmp_path: Path, value: bytes | None) -> None:
    with pytest.raises(Rejected):
        chooser(Store(tmp_path / "store.sqlite")).of(value, [], 0, 0, 0)
