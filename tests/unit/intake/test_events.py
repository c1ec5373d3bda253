"""What becomes of one record: which activities, with what title, or why none."""

from typing import Any

import pytest

from models.decoding import parse_activity
from models.errors import Reason, Rejected
from models.mapping.catalogue import CatalogueItem, item_of
from models.mapping.mapping import Mapping
from models.records import encode
from streams.formats.values import JsonValues
from streams.intake.events import Events
from tests.support.fakes import incoming

ITEMS = {"42": CatalogueItem("Sourdough", {"bread": 2.0}, [1.0, 0.0])}
BARE = {"event_id": "e", "user_id": "ölüm", "item_id": "42", "occurred_at": 1_700_000_000_000}


def outgoing(event: Any, mapping: Mapping | None = None, *, catalogue: bool = True) -> list[Any]:
    events = Events(mapping, JsonValues(), 0, ITEMS.get if catalogue else None)
    return events.outgoing("theirs", 3, incoming(9, encode(event), key=None), "activity-events")


def activity(event: Any) -> dict[str, Any]:
    import msgspec

    (one,) = outgoing(event)
    found: dict[str, Any] = msgspec.json.decode(one.value)
    return found


def test_it_is_keyed_by_user_says_where_from_and_keeps_its_arrival() -> None:
    (one,) = outgoing(BARE | {"title": "Its own"}, catalogue=False)
    assert one.key == "ölüm".encode()
    assert one.headers == [("source", b"theirs/3/9")]
    assert one.timestamp == 1_700_000_000_000
    assert one.partition is None


def test_a_bare_id_gets_what_the_catalogue_knows() -> None:
    found = activity(BARE)
    assert (found["title"], found["terms"], found["vector"]) == (
        "Sourdough",
        {"bread": 2.0},
        [1.0, 0.0],
    )


def test_an_items_text_comes_with_its_title_only() -> None:
    def found(**own: Any) -> tuple[str, str | None]:
        event = BARE | {"item_id": "43"} | own
        items = {"43": CatalogueItem("Rye", text="Three days of dough")}
        events = Events(None, JsonValues(), 0, items.get)
        (one,) = events.outgoing("theirs", 3, incoming(9, encode(event), key=None), "to")
        activity = parse_activity(one.value)
        return activity.title, activity.text

    assert found() == ("Rye", "Three days of dough")
    assert found(text="Its own") == ("Rye", "Its own")
    assert found(title="Its own") == ("Its own", None)


def test_what_an_event_brings_itself_wins() -> None:
    assert activity(BARE | {"title": "Its own"}).get("terms") is None
    found = activity(BARE | {"terms": {"own": 1.0}, "vector": [0.0, 1.0]})
    assert (found["title"], found["terms"], found["vector"]) == (
        "Sourdough",
        {"own": 1.0},
        [0.0, 1.0],
    )


@pytest.mark.parametrize(
    ("event", "catalogue", "reason"),
    [
        (BARE | {"item_id": "43"}, True, Reason.UNKNOWN_ITEM),
        (BARE, False, Reason.INVALID),
        (BARE | {"title": "t", "vector": [0.123456789012345] * 4_096}, True, Reason.TOO_LARGE),
        ("text", True, Reason.INVALID),
    ],
)
def test_what_is_none_has_its_reason(event: Any, catalogue: bool, reason: Reason) -> None:
    with pytest.raises(Rejected) as error:
        outgoing(event, catalogue=catalogue)
    assert error.value.reason is reason


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ({"title": " A title "}, "A title"),
        ({"title": "", "text": "A text"}, "A text"),
        ({"title": "x" * 2_000}, "x" * 1_000),
        ({"title": " ", "text": "A text"}, "A text"),
        ({"title": 7}, "7"),
    ],
)
def test_an_item_has_a_title(value: Any, title: str) -> None:
    assert item_of("42", value) == CatalogueItem(title)


def test_an_item_has_a_text_beside_its_title() -> None:
    assert item_of("42", {"title": "Rye", "text": "x" * 300}).text == "x" * 280
    assert item_of("42", {"title": "Rye", "text": " "}).text is None


@pytest.mark.parametrize(
    "value", [{}, [], None, {"title": "t", "terms": 7}, {"title": {}}, {"title": "t", "text": {}}]
)
def test_what_is_no_item(value: Any) -> None:
    with pytest.raises(Rejected):
        item_of("42", value)
