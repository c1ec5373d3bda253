"""Which names are learned, which are judged, and that neither knows of the other."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from models.datasets import named_groups
from models.datasets.named_groups import Group
from models.encoders.encoder import Encoder
from models.errors import ModelError
from models.naming.answers import Policy, check
from models.naming.titles import Evidence
from models.naming.tuning.pairs import Pair, pairs
from tests.support import named
from tests.support.data import evaluation_data
from tests.support.naming import LISTS, SOURDOUGH, request


def answers(learned: Iterable[Pair]) -> set[str]:
    return {json.loads(pair.answer)["name"] for pair in learned}


def test_no_list_and_no_kind_of_subreddit_is_in_both_halves(tmp_path: Path) -> None:
    data = named.some(tmp_path)
    learned, judged = named_groups.read(data, "even"), named_groups.read(data, "odd")
    assert {group.source for group in learned} == {named.LEARNED, "AdvancedRunning"}
    assert {group.source for group in judged} == {named.JUDGED, "alpinism"}
    assert len(learned) == len(judged) == 5


def test_a_title_that_is_judged_is_not_learned_wherever_it_stands(tmp_path: Path) -> None:
    titles = LISTS["chess"]
    named.write(
        tmp_path,
        [
            named.section(named.LEARNED, "Chess", (*titles, *SOURDOUGH)),
            named.section(named.LEARNED, "Only those", titles),
            named.section(named.JUDGED, "Chess", titles),
        ],
        [],
    )
    [learned] = named_groups.read(tmp_path, "even")
    assert learned.titles == SOURDOUGH
    [judged] = named_groups.read(tmp_path, "odd")
    assert judged.titles == titles


def test_the_real_data_leaks_nothing() -> None:
    data = evaluation_data("names")
    learned, judged = named_groups.read(data, "even"), named_groups.read(data, "odd")
    assert len(learned) > 300
    assert len(judged) > 300
    for what in (lambda group: {group.source}, lambda group: set(group.titles)):
        assert not set().union(*map(what, learned)) & set().union(*map(what, judged))


def test_subreddits_whose_titles_are_about_anything_are_left_out(tmp_path: Path) -> None:
    named.write(
        tmp_path,
        [],
        [
            named.subreddit("a", named.LEARNED_TOO, "Home baking", SOURDOUGH),
            named.subreddit("b", named.LEARNED_TOO, "Home baking", SOURDOUGH, clean=False),
        ],
    )
    assert [group.source for group in named_groups.read(tmp_path, "even")] == ["a"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Advanced Running: discussion for those who run like hell...", "Advanced Running"),
        ("/r/dnb - Drum & Bass for adults.", "dnb"),
        ("Eating Keto Style! | Low-Carb Recipes", "Eating Keto Style!"),
        ("Post-rock", "Post-rock"),
        ("A reddit for ultralight hikers.", "A reddit for ultralight hikers"),
    ],
)
def test_what_stands_behind_a_subreddits_name_is_left_out(
    tmp_path: Path, said: str, name: str
) -> None:
    named.write(tmp_path, [], [named.subreddit("a", named.LEARNED_TOO, said, SOURDOUGH)])
    assert [group.name for group in named_groups.read(tmp_path, "even")] == [name]


def test_only_names_that_the_guard_lets_pass_are_learned(tmp_path: Path) -> None:
    named.write(
        tmp_path,
        [
            named.section(named.LEARNED, "Sourdough baking", SOURDOUGH),
            named.section(named.LEARNED, "Various topics", LISTS["chess"]),
            named.section(named.LEARNED, "Chess for Republicans", LISTS["chess"]),
            named.section(named.LEARNED, "Underwater hockey", LISTS["telescopes"]),
        ],
        [],
    )
    found = pairs(named_groups.read(tmp_path, "even"), Encoder.open("fast"))
    assert answers(found) == {"Sourdough baking"}


@pytest.mark.parametrize(
    ("source", "learned"),
    [
        ("Free forecasts", {"Weather forecasts"}),
        ("awesome marine", {"marine Weather"}),
        ("Public APIs", set()),
    ],
)
def test_a_heading_of_one_word_is_learned_with_what_its_list_is_about(
    source: str, learned: set[str]
) -> None:
    titles = (*named.TITLES["Weather"], "Marine forecast", "Forecast for today")
    group = Group("g", "list", source, "Weather", titles)
    assert set(group.names) == learned  # no title speaks of an API


def test_a_subreddit_of_one_word_is_learned_with_its_best_term() -> None:
    group = Group("g", "subreddit", "weather", "Weather", named.TITLES["Weather"] * 2)
    assert group.names
    assert all(name.startswith("Weather ") for name in group.names)


def test_pairs_are_the_same_every_time_and_ask_as_the_namer_does(tmp_path: Path) -> None:
    learned = named_groups.read(named.some(tmp_path), "even")
    encoder = Encoder.open("fast")
    found = pairs(learned, encoder)
    assert found == pairs(learned, encoder)
    assert len({pair.question for pair in found}) > len(learned)  # other titles each time
    assert all(pair.question.startswith("<titles>\n- ") for pair in found)
    assert all("Frequent words: " in pair.question for pair in found)


def test_what_is_learned_could_be_published(tmp_path: Path) -> None:
    for pair in pairs(named_groups.read(named.some(tmp_path), "even"), Encoder.open("fast")):
        titles = [line[2:] for line in pair.question.split("\n") if line.startswith("- ")]
        name = json.loads(pair.answer)["name"]
        assert check(name, Evidence.of(request(*titles)), Policy(), similarity=1.0) == (name, None)


@pytest.mark.parametrize("content", [None, b"not gzip"])
def test_data_that_is_not_there_or_broken_is_one_clear_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = named.some(tmp_path) / "sections.jsonl.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"sections\.jsonl\.gz"):
        named_groups.read(tmp_path, "even")
