"""Who waits for an item, how long, and who is sent away."""

import pytest

from models.errors import Reason, Rejected
from models.mapping.catalogue import CatalogueItem
from models.records import encode
from streams.formats.values import JsonValues
from streams.intake.events import Events
from streams.intake.waiting import Place, Room, held_of, outgoing_waiting
from tests.support.fakes import incoming

NOW = 1_700_000_000_000
SOON = NOW + 60_000


class Waiting:
    """A room, and the catalogue that it waits for."""

    def __init__(self, limit: int = 100) -> None:
        self.items: dict[str, CatalogueItem] = {}
        self.room = Room(Events(None, JsonValues(), 0, self.items.get), "activity-events", limit)
        self._offset = 0

    def hold(self, *items: str, deadline: int = SOON) -> None:
        """Let an event of each item wait."""
        for item in items:
            one = {"event_id": f"e-{item}", "user_id": "u", "item_id": item, "occurred_at": NOW}
            event = incoming(7, encode(one), key=None)
            sent = outgoing_waiting(
                event, Place("theirs", 2, 7, NOW - 5, deadline), "items-waiting", 4
            )
            back = incoming(self._offset, sent.value, sent.key)
            back.headers = sent.headers
            self.room.add([held_of(back)])
            self._offset += 1

    def over(self, now: int = NOW, most: int = 100) -> list[str]:
        """Those whose wait is over, and that they were written."""
        released = self.room.ready(now, most)
        self.room.leave(released)
        return [
            f"{one.held.offset}:{one.rejected.reason if one.rejected else len(one.outgoing)}"
            for one in released
        ]


def test_the_head_waits_for_its_item_and_those_behind_it_wait_too() -> None:
    waiting = Waiting()
    waiting.hold("a", "b", "c")
    assert waiting.over() == []
    waiting.items["b"] = CatalogueItem("B")
    assert waiting.over() == []
    waiting.items["a"] = CatalogueItem("A")
    assert waiting.over() == ["0:1", "1:1"]
    assert len(waiting.room) == 1


def test_when_its_time_is_up_it_is_rejected_and_the_next_has_its_own() -> None:
    waiting = Waiting()
    waiting.hold("a")
    waiting.hold("b", deadline=SOON + 1)
    assert waiting.over(SOON - 1) == []
    assert waiting.over(SOON) == ["0:unknown_item"]
    assert waiting.over(SOON + 1) == ["1:unknown_item"]


def test_where_too_many_wait_the_first_are_rejected_at_once() -> None:
    waiting = Waiting(limit=2)
    waiting.hold("a", "b", "c", "d")
    (first, second) = waiting.room.ready(NOW, 100)
    assert first.rejected is not None
    assert "too many" in first.rejected.detail
    assert waiting.over() == ["0:unknown_item", "1:unknown_item"]
    assert second.held.offset == 1
    assert len(waiting.room) == 2


def test_what_was_not_written_is_still_there() -> None:
    waiting = Waiting()
    waiting.items["a"] = CatalogueItem("A")
    waiting.hold("a", "a")
    assert waiting.room.ready(NOW, 1) == waiting.room.ready(NOW, 1)
    assert waiting.over(most=1) == ["0:1"]
    assert waiting.over(most=1) == ["1:1"]


def test_it_comes_back_as_it_was() -> None:
    event = incoming(7, b"\x00\xff", key=b"k")
    event.headers = [("waiting", b"theirs"), ("null", None)]
    sent = outgoing_waiting(event, Place("theirs", 2, 7, NOW, SOON), "items-waiting", 4)
    back = incoming(0, sent.value, sent.key)
    back.headers = sent.headers
    record = held_of(back).record
    assert (record.key, record.value, record.offset) == (event.key, event.value, 7)
    assert (list(record.headers), record.timestamp) == (event.headers, NOW)


@pytest.mark.parametrize("headers", [[], [("other", b"1")], [("waiting", b"{}")]])
def test_what_others_wrote_there_is_none(headers: list[tuple[str, bytes]]) -> None:
    stray = incoming(0, b"x")
    stray.headers = headers
    with pytest.raises(Rejected) as error:
        held_of(stray)
    assert error.value.reason is Reason.INVALID
