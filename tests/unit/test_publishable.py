"""What is published of a journey: nothing that touches a sensitive subject, and plain text."""

import json
from collections.abc import Sequence

import pytest

from models.engine.params import EngineParams
from models.guard.policy import CATEGORIES, Handling, Policy
from models.printable import escaped, shown
from models.records import CurrentJourney, JourneyName, encode
from tests.support.lives import WEEK, Life

ILL = (
    "Living with depression",
    "My depression diary",
    "Medication against depression",
    "Running and depression",
    "Depression in winter",
)
BREAD = (
    "Baking sourdough bread",
    "A sourdough starter",
    "Sourdough bread in a pot",
    "Rye sourdough bread",
    "Flour for sourdough bread",
)


def lived(titles: Sequence[str], policy: Policy | None = None) -> Life:
    """A journey of these titles, two a week."""
    life = Life(EngineParams(policy=policy or Policy()))
    for number, title in enumerate(titles):
        life.act(number // 2 * WEEK + 1 + number % 2, about=1, title=title)
    return life


def published(life: Life) -> str:
    """All that anybody is told, as one text."""
    records = [
        record for out in life.outcomes for record in (*out.changes, *out.journeys, *out.requests)
    ]
    return b"\n".join(map(encode, records)).decode()


def last(life: Life) -> CurrentJourney:
    return next(out.journeys[-1] for out in reversed(life.outcomes) if out.journeys)


def test_a_sensitive_journey_exists_and_nothing_says_what_it_is_about() -> None:
    life = lived(ILL)
    assert life.kinds() == ["started", "named"]
    assert "depression" not in published(life).lower()
    journey = last(life)
    assert journey.name == journey.journey.keywords == "Private interest 1"
    assert (journey.journey.items, journey.journey.terms, journey.journey.vector) == ([], {}, [])
    assert journey.journey.activities == 5
    assert sum(sum(out.withheld.values()) for out in life.outcomes) == 1
    assert not any(out.requests for out in life.outcomes)


@pytest.mark.parametrize("handling", ["shown", "unpublished"])
def test_the_policy_says_what_becomes_of_it(handling: Handling) -> None:
    life = lived(ILL, Policy(handling=handling))
    if handling == "shown":
        assert last(life).name.lower().startswith("depression")
        assert len(last(life).journey.items) == 5
        assert life.outcomes[-1].requests
    else:
        assert published(life) == ""
    assert life.user.clusters[0].journey is not None


def test_a_subject_that_is_not_sensitive_is_shown() -> None:
    assert last(lived(ILL, Policy(CATEGORIES - {"health"}))).name.lower().startswith("depression")


def test_one_sensitive_title_is_left_out_and_the_journey_goes_on() -> None:
    life = lived((*BREAD, "Sourdough bread for diabetics"))
    life.act(2 * WEEK + 3, about=1, title="Sourdough bread from Lyon")
    life.pass_to(30 * WEEK)
    journey = last(life)
    assert "sourdough" in journey.name.lower()
    assert "diabetic" not in published(life).lower()
    assert len(journey.journey.items) >= 4


def test_a_name_of_a_model_that_is_sensitive_is_not_published() -> None:
    life = lived(BREAD)
    journey_id = life.outcomes[-1].requests[0].journey_id
    answer = JourneyName(
        user_id="u", journey_id=journey_id, revision=1, name="Jewish bread baking", source="llm"
    )
    out = life.keep(life.engine.name(life.user, answer))
    assert out.changes[0].name == "Private interest 1"
    assert "Jewish" not in published(life)


def test_the_same_log_has_the_same_bytes() -> None:
    assert published(lived((*ILL, *BREAD))) == published(lived((*ILL, *BREAD)))


def test_what_a_title_smuggles_in_is_not_published() -> None:
    smuggled = "<script>\u202ealert\x1b[31m</script>\u200b"
    life = lived([f"{title} {smuggled}" for title in BREAD])
    text = published(life)
    assert not set("<>\u202e\u200b\x1b") & set(text)
    assert "\\u001b" not in text
    assert "sourdough" in last(life).name.lower()


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("plain title", "plain title"),
        ("two\r\nlines\tand \x9b31m", "two  lines and  31m"),
        ("I <3 <b>C++</b>", "I ‹3 ‹b›C++‹/b›"),
        ("pay\u200bpal \u202eevil\u2066 \U000e0041", "paypal evil "),
        ("کتاب‌ها", "کتاب‌ها"),
        ("👩‍🚀 in space", "👩‍🚀 in space"),
        ("crème brûlée 東京", "crème brûlée 東京"),
    ],
)
def test_shown_text_is_a_line_without_markup_and_hidden_signs(raw: str, line: str) -> None:
    assert shown(raw) == line


def test_a_line_of_json_is_printed_without_control_characters() -> None:
    value = {"item": "a\x9b31m\u202eb \U000e0041 é"}
    line = escaped(json.dumps(value, ensure_ascii=False))
    assert line.isprintable()
    assert json.loads(line) == value
    assert "é" in line
