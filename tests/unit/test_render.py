"""A change as a line for people."""

from typing import Any

import pytest

from models.decoding import decode_change
from models.errors import Rejected
from models.records import Change, Item, JourneyView, Kind, WindowCount, cloudevent
from streams.cli.render import ChangeLines

DAY = 86_400_000
JOURNEY = JourneyView(
    journey_id="j1",
    cluster_id="c1",
    stage="active",
    keywords="python · gui",
    confidence=0.82,
    started_at=0,
    promoted_at=DAY,
    last_active_at=2 * DAY,
    activities=12,
    items=[Item("i1", "Learning \x1b[31mQt\nquickly", 0)],
    terms={"python": 1.0},
    windows=[WindowCount(0, 3), WindowCount(7 * DAY, 9)],
    vector=[1.0],
)


def line(lines: ChangeLines, kind: Kind, **more: Any) -> str:
    change = Change(
        id=f"j1:{kind}:e1",
        user_id="u1",
        kind=kind,
        occurred_at=30 * DAY,
        cause="e1",
        journey_id="j1",
        journey=None if kind == "named" else JOURNEY,
        **more,
    )
    return lines.line(decode_change(cloudevent(change))).plain


def test_a_line_says_when_who_what_which_and_why() -> None:
    assert " ".join(line(ChangeLines(), "started").split()) == (
        "1970-01-31 u1 started python · gui 12 activities in 2 windows, confidence 0.82: "
        "Learning [31mQt quickly"
    )
    assert "silent since 1970-01-03" in line(ChangeLines(), "dormant")


def test_a_journey_is_shown_by_its_last_name() -> None:
    lines = ChangeLines()
    assert "python · gui" in line(lines, "started")
    assert "Building GUIs  by llm" in line(lines, "named", name="Building GUIs", name_source="llm")
    assert "Building GUIs" in line(lines, "resumed")
    assert "into Building GUIs" in line(lines, "merged", merged_into="j1")


def test_titles_cannot_drive_the_terminal() -> None:
    text = line(ChangeLines(), "started")
    assert "\x1b" not in text
    assert "\n" not in text


@pytest.mark.parametrize("value", [b"", b"junk", b"{}", b"\xff", b'{"id": 1}'])
def test_what_is_no_change_is_rejected(value: bytes) -> None:
    with pytest.raises(Rejected):
        decode_change(value)
