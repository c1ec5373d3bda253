"""Naming without a server: what is shown, which answers may pass, which one wins."""

import json
import re
from collections.abc import Sequence

import numpy as np
import pytest

from models.encoders.encoder import Encoder
from models.guard.policy import SUBJECTS
from models.naming import breaker
from models.naming.answers import Policy, Refusal, check
from models.naming.breaker import Breaker
from models.naming.choice import choose
from models.naming.examples import subjects
from models.naming.namer import KeywordNamer
from models.naming.prompt import INSTRUCTIONS, messages, schema
from models.naming.reply import name_in
from models.naming.titles import MAX_TITLE_CHARS, MAX_TITLES_BYTES, Evidence, clean
from tests.support.naming import SOURDOUGH, request

EVIDENCE = Evidence.of(request())


def refusal(
    answer: str, evidence: Evidence = EVIDENCE, policy: Policy | None = None
) -> Refusal | None:
    return check(answer, evidence, policy or Policy()).refusal


# What is shown


def test_prompts_share_all_but_their_last_message() -> None:
    one = messages(EVIDENCE)
    other = messages(Evidence.of(request("Reefing a mainsail", "Sailing knots", taken=("Boats",))))
    assert one[:-1] == other[:-1]
    assert one[-1] != other[-1]
    assert one[0] == {"role": "system", "content": INSTRUCTIONS}
    assert [turn["role"] for turn in one[1:-1]] == ["user", "assistant"] * (len(one) // 2 - 1)
    assert one[-1]["role"] == "user"


def test_the_examples_are_names_that_the_guard_lets_pass() -> None:
    turns = messages(EVIDENCE)[1:-1]
    for asked, answered in zip(turns[::2], turns[1::2], strict=True):
        titles = [line[2:] for line in asked["content"].split("\n") if line.startswith("- ")]
        name = json.loads(answered["content"])["name"]
        verdict = check(name, Evidence.of(request(*titles)), Policy(), similarity=1.0)
        assert verdict == (name, None)


def test_the_prompt_holds_titles_terms_and_taken_names() -> None:
    evidence = Evidence.of(request(taken=("Pizza ovens",), terms={"rye": 9.0, "starter": 5.0}))
    question = messages(evidence)[-1]["content"]
    for title in SOURDOUGH:
        assert f"- {title}\n" in question
    assert "Frequent words: rye, starter" in question
    assert "Names already taken: Pizza ovens" in question


def test_titles_are_capped_in_number_length_and_bytes() -> None:
    long = Evidence.of(request(*(f"{number} {'word ' * 190}" for number in range(40))))
    assert len(long.titles) <= 16
    assert max(map(len, long.titles)) <= MAX_TITLE_CHARS
    wide = Evidence.of(request(*("漢字" * 60 + str(number) for number in range(40))))
    assert 0 < sum(len(title.encode()) for title in wide.titles) <= MAX_TITLES_BYTES


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Two\r\nlines\tand \x00\x1b[31mcolour ", "Two lines and (31mcolour"),
        ("zero\u200bwidth \u202eand bidi", "zerowidth and bidi"),
        ("<b>bold</b> {json} `code` | pipe", "b bold /b (json) 'code' / pipe"),
        ("C# and F# ### heading", "C# and F# heading"),
        ("ｆｕｌｌｗｉｄｔｈ", "fullwidth"),
        ("crème brûlée, 東京, Ελλάδα", "crème brûlée, 東京, Ελλάδα"),
        ("\u200b\u2060", ""),
    ],
)
def test_titles_are_plain_text_on_one_line(raw: str, shown: str) -> None:
    assert clean(raw) == shown


# Which answers may pass


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Sourdough bread baking", "Sourdough bread baking"),
        (' "sourdough baking at home." ', "Sourdough baking at home"),
        ("**Home sourdough baking**", "Home sourdough baking"),
        ("Sourdough & rye breads", "Sourdough & rye breads"),
    ],
)
def test_good_answers_pass_tidied(answer: str, name: str) -> None:
    assert check(answer, EVIDENCE, Policy()) == (name, None)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", Refusal.FORM),
        ("Sourdough", Refusal.UNGROUNDED),  # two of five titles say it
        ("Home", Refusal.EMPTY_WORDS),
        ("Sourdough and sourdoughs", Refusal.FORM),
        ("Baker and bakers of bread", Refusal.FORM),
        ("Sourdough and rye bread for people at home", Refusal.FORM),
        ("Sourdough sourdough", Refusal.FORM),
        ("Sourdough " + "bread" * 20, Refusal.FORM),
        ("Sourdough bread (baking)", Refusal.FORM),
        ("Sourdough bread 🍞", Refusal.FORM),
        ("Sourdough, bread, crumb", Refusal.FORM),
        ("Sourdough bread and its", Refusal.FORM),
        ("Sourdough bread for the", Refusal.FORM),
        ("Sourdough bread...", Refusal.FORM),  # cut off
        ("I made a sourdough bread", Refusal.FORM),
        ("Sourdough isn't bread", Refusal.FORM),
        ("Sourdough bread 2019", Refusal.UNGROUNDED),
        ("Sourdough bread 101", Refusal.UNGROUNDED),
        ("Sourdough at www.bread.example", Refusal.CONTACT),
        ("Sourdough from bread.com", Refusal.CONTACT),
        ("Sourdough by bob@bread", Refusal.CONTACT),
        ("Sourdough with @baker", Refusal.CONTACT),
        ("Sourdough line +44 20 7946 0958", Refusal.CONTACT),
        ("Sourdough 020-7946-0958", Refusal.CONTACT),
        ("Sourdough order 4f9c2ab81d", Refusal.CONTACT),
        ("Sourdough user 123456789", Refusal.CONTACT),
        ("Sourdough bread, dammit: shit", Refusal.FORM),
        ("Shitty sourdough bread", Refusal.PROFANE),
        ("Sourdough for diabetics", Refusal.SENSITIVE),
        ("Jewish sourdough bread", Refusal.SENSITIVE),
        ("Gay bakers of sourdough", Refusal.SENSITIVE),
        ("Sourdough for Republicans", Refusal.SENSITIVE),
        ("Sourdough in prison", Refusal.SENSITIVE),
        ("Various topics", Refusal.EMPTY_WORDS),
        ("User interests", Refusal.EMPTY_WORDS),
        ("Unnamed sourdough interest", Refusal.EMPTY_WORDS),
        ("I'm sorry about sourdough", Refusal.EMPTY_WORDS),
        ("The titles", Refusal.EMPTY_WORDS),
        ("No-knead sourdough for beginners", Refusal.COPIED),
        ("Sailing around the world", Refusal.UNGROUNDED),
        ("Restoring vintage bicycles", Refusal.UNGROUNDED),  # an example of the prompt
        ("хлеб на закваске", Refusal.LANGUAGE),
        ("酸种 面包", Refusal.LANGUAGE),
        ("Dutch oven", Refusal.FRAGMENT),
    ],
)
def test_bad_answers_are_refused_with_the_reason(answer: str, reason: Refusal) -> None:
    assert refusal(answer) == reason


@pytest.mark.parametrize(
    "name",
    [
        "World War 2 aircraft",
        "1980s synth music",
        "C++ and Rust",
        "Node.js servers",
        "ASP.NET web apps",
        "Formula 1 racing",
        "Rock 'n' roll",
        "Baldur's Gate 3",
        "Children’s picture books",
        "TCP/IP networking",
        "Churchill biographies",
        "Cocktail recipes",
        "Sussex walks",
        "Essex county cricket",
        "Scunthorpe football",
    ],
)
def test_names_that_only_look_bad_pass(name: str) -> None:
    evidence = Evidence.of(request(f"{name} one", f"{name} two", f"{name} three"))
    assert refusal(name, evidence) is None


def test_a_name_in_the_titles_own_script_passes() -> None:
    evidence = Evidence.of(request("Хлеб на закваске дома", "Ржаной хлеб", "Хлеб без замеса"))
    assert refusal("Домашний хлеб", evidence) is None


NAMES_OF = {
    "crime": "Prison podcasts",
    "drugs": "Marijuana memoirs",
    "health": "Diabetes recipes",
    "politics": "Republican podcasts",
    "religion": "Buddhist temples",
    "sexuality": "Lesbian novels",
}


@pytest.mark.parametrize("category", sorted(NAMES_OF))
def test_the_policy_says_which_categories_are_refused(category: str) -> None:
    name = NAMES_OF[category]
    evidence = Evidence.of(request(f"{name} one", f"{name} two"))
    assert refusal(name, evidence) is Refusal.SENSITIVE
    assert refusal(name, evidence, Policy(SUBJECTS - {category})) is None


@pytest.mark.parametrize(
    "taken",
    [
        "Sourdough bread baking",
        "sourdough bread baking",
        "Baking sourdough bread",
        "Baking Sourdough Breads",
        "Bread and Sourdough Baking",
    ],
)
def test_a_name_that_another_journey_has_is_refused(taken: str) -> None:
    assert refusal("Sourdough bread baking", Evidence.of(request(taken=(taken,)))) is Refusal.TAKEN


def test_one_title_does_not_decide_alone() -> None:
    assert refusal("Dutch oven reviews") is Refusal.UNGROUNDED
    assert refusal("Dutch oven reviews", Evidence.of(request(SOURDOUGH[3]))) is None


def test_terms_of_several_activities_ground_a_name() -> None:
    once, often = {"dutch": 7.0}, {"dutch": 700.0}
    assert refusal("Dutch oven reviews", Evidence.of(request(terms=once))) is Refusal.UNGROUNDED
    assert refusal("Dutch oven reviews", Evidence.of(request(terms=often))) is None


# Which one wins


STRANGERS = {title for titles in subjects() for title in titles}


class Planted:
    """An encoder whose vectors are known; strangers' titles have nothing to do with the others."""

    def __init__(self, **angles: float) -> None:
        self._angles = angles

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        angles = [
            next((angle for word, angle in self._angles.items() if word in text.lower()), 0.0)
            if text not in STRANGERS
            else 3.0
            for text in texts
        ]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


def test_the_answer_nearest_to_the_titles_wins() -> None:
    encoder = Planted(crumb=1.2, beginners=0.1)
    names = ["Sourdough crumb", "Sourdough for beginners"]
    assert choose(names, EVIDENCE, Policy(), encoder).name == "Sourdough for beginners"


def test_distance_to_taken_names_counts() -> None:
    encoder = Planted(rye=0.3, starter=-0.2, pumpernickel=0.35)
    names = ["Sourdough rye", "Sourdough starter"]
    evidence = Evidence.of(request(*("Sourdough",) * 3, taken=("Pumpernickel",)))
    assert choose(names, evidence, Policy(), encoder).name == "Sourdough starter"


def test_the_words_decide_without_an_encoder() -> None:
    answers = ["Sourdough crumb", "Sourdough and rye bread", "Nonsense here"]
    choice = choose(answers, EVIDENCE, Policy())
    assert choice.name == "Sourdough and rye bread"
    assert choice.refused == {Refusal.UNGROUNDED: 2}  # of five titles, two say the first


def test_there_is_no_name_when_all_are_refused() -> None:
    choice = choose(["Hobbies", "Various topics", "Sailing boats"], EVIDENCE, Policy())
    assert choice.name is None
    assert sum(choice.refused.values()) == 3


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"name": "Sourdough baking"}', "Sourdough baking"),
        ('```json\n{"name": "Sourdough baking"}\n```', "Sourdough baking"),
        ("Sourdough baking\n\nBecause the titles …", "Sourdough baking"),
        ('{"name": "Sourdough ba', ""),
        ('{"title": "Sourdough baking"}', ""),
        ('{"name": ["Sourdough"]}', ""),
        ("", ""),
    ],
)
def test_the_name_is_found_in_what_a_model_writes(content: str, name: str) -> None:
    assert name_in(content) == name


def test_the_schema_asks_for_one_to_six_words() -> None:
    pattern = schema()["properties"]["name"]["pattern"]
    assert re.search(pattern, "Sourdough baking")
    assert re.search(pattern, "Sourdough")
    assert re.search(pattern, "スキー")
    assert not re.search(pattern, "one two three four five six seven")


# The parts around


async def test_keywords_name_a_journey_without_a_server() -> None:
    answer = await KeywordNamer().name(request(user_id="u7", journey_id="j9", revision=3))
    assert (answer.user_id, answer.journey_id, answer.revision) == ("u7", "j9", 3)
    assert (answer.name, answer.source) == ("Sourdough, bread", "keywords")


def test_the_breaker_lets_one_probe_and_waits_longer_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    guarded = Breaker("the server", clock=lambda: now)
    assert guarded.closed
    pauses = []
    for _ in range(8):
        for _ in range(5):  # many that fail together are one failure
            guarded.open("refused")
        start = now
        while not guarded.may_probe():
            now += 0.5
        pauses.append(now - start)
        assert not guarded.may_probe()  # another caller
    assert pauses[0] == breaker.FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == breaker.LONGEST_PAUSE
    guarded.close()
    assert guarded.closed
    assert [record.getMessage() for record in caplog.records] == [
        "the server does not answer (refused): names wait for it",
        "the server answers again",
    ]


def test_a_probe_that_never_reports_does_not_block_the_next_for_ever() -> None:
    now = 0.0
    guarded = Breaker("the server", clock=lambda: now)
    guarded.open("refused")
    now = 5.0
    assert guarded.may_probe()
    assert not guarded.may_probe()
    now += breaker.PROBE_SECONDS
    assert guarded.may_probe()


@pytest.mark.parametrize(
    ("titles", "name"),
    [
        (
            ("Formula 1 in Monza", "Who wins Formula 1 this year?", "Rain at Spa"),
            "Formula 1 racing",
        ),
        (("My Little Pony toys", "My Little Pony, season two", "Ponies"), "My Little Pony"),
        (("3D printing a vase", "A 3D printer in a box", "Filament"), "3D printing"),
    ],
)
def test_what_several_titles_bear_out_may_stand_in_a_name(
    titles: tuple[str, ...], name: str
) -> None:
    evidence = Evidence.of(request(*titles))
    assert check(name, evidence, Policy()) == (name, None)
    assert re.search(schema(evidence.numbers)["properties"]["name"]["pattern"], name)


@pytest.mark.parametrize("name", ["Sourdough bread 2019", "Bread 3.10.1", "Bread [PDF]", "Bread ½"])
def test_a_server_is_kept_from_what_no_name_has(name: str) -> None:
    assert not re.search(schema(EVIDENCE.numbers)["properties"]["name"]["pattern"], name)


@pytest.mark.parametrize(
    ("answers", "best"),
    [
        (
            ("Dutch oven", "Baking sourdough bread"),
            "Baking sourdough bread",
        ),  # a piece of one title
        (("Sourdough for the boss", "Sourdough bread"), "Sourdough bread"),  # a word out of nowhere
        (("Sourdough breadulence", "Baking sourdough"), "Baking sourdough"),  # a word that is none
    ],
)
def test_an_answer_loses_by_what_titles_do_not_bear_out(
    answers: tuple[str, ...], best: str
) -> None:
    assert choose(answers, EVIDENCE, Policy(), Encoder.open("fast")).name == best
