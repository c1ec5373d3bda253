"""Which subjects words touch, in which language."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from models.guard.lexicon import touched
from models.guard.lists import stem
from models.guard.policy import CATEGORIES, Policy
from tests.support.guarded import Half, is_withheld, journey, themes


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("HIV, gay, positive", "health"),
        ("HIV, gay, positive", "sexuality"),
        ("Depression", "health"),
        ("Living with AIDS", "health"),
        ("Two pregnancies in a year", "health"),
        ("Which churches to see in Rome", "religion"),
        ("The Koran for beginners", "religion"),
        ("How to vote in the election", "politics"),
        ("Life after prison", "crime"),
        ("Quitting cocaine and heroin", "drugs"),
        ("Thinking of suicide", "self_harm"),
        ("What the fuck is this", "profanity"),
        ("Mein Brustkrebs und ich", "health"),
        ("Wie ich zum Islam kam", "religion"),
        ("Vivir con la diabetes", "health"),
        ("Une journée à la mosquée", "religion"),
        ("Жизнь с болезнью и я", "health"),
        ("Тур по мечетям и музеям", "religion"),
        ("我的抑郁症和性交", "profanity"),
    ],
)
def test_a_word_of_a_list_touches_its_subject(text: str, subject: str) -> None:
    assert subject in touched(text)


@pytest.mark.parametrize(
    "text",
    [
        "Recette de pain au levain",  # no pain
        "Hearing what first aid is",  # no AIDS
        "Cocktail recipes from Essex",
        "Scunthorpe football",
        "Formula 1 in Monza",
        "Machine learning with Python",
        "Nordic crime novels",
        "The gift of a cold day",
        "Sid Meier's Civilization",
        "Backen mit Gift und Galle",
        "Como fazer pão em casa",
        "Как испечь хлеб на закваске",
    ],
)
def test_words_of_other_languages_and_senses_touch_nothing(text: str) -> None:
    assert not touched(text)


def test_the_policy_names_the_same_category_each_time() -> None:
    assert Policy().category("HIV, gay, positive") == "health"
    assert Policy(frozenset({"sexuality"})).category("HIV, gay, positive") == "sexuality"
    assert Policy(handling="shown").category("HIV, gay, positive") is None


def test_profane_titles_do_not_make_a_journey_sensitive() -> None:
    titles = ["What the fuck is this chess opening", "Shit, my chess clock", "Chess"]
    assert Policy().subject(["Chess"], titles, {}) is None
    assert Policy().subject(["Fucking chess"], titles, {}) == "profanity"


def test_every_list_is_of_a_known_category() -> None:
    assert touched("fuck suicide heroin prison racism election mosque sex cancer") <= CATEGORIES


@pytest.fixture
def _restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
def test_threads_do_not_stem_each_others_words() -> None:
    words = ["εκκλησιαστικός", "νοσοκομείων", "αρρώστιες", "πολιτικούς"] * 100
    anew = stem.__wrapped__  # what is remembered is no test
    alone = [anew("el", word) for word in words]
    with ThreadPoolExecutor(4) as threads:
        beside = threads.map(lambda _: [anew("el", word) for word in words], range(4))
        assert all(found == alone for found in beside)


@pytest.mark.parametrize("half", ["chosen on", "reported"])
def test_sensitive_journeys_are_withheld_and_harmless_ones_are_not(half: Half) -> None:
    sensitive, harmless = themes("sensitive", half), themes("harmless", half)
    plain = [theme.about for theme in sensitive if not is_withheld(journey(theme.plain))]
    mixed = [theme.about for theme in sensitive if not is_withheld(journey(theme.titles))]
    wrong = [theme.about for theme in harmless if is_withheld(journey(theme.titles))]
    # What was measured (models/guard/README.md), and one more for a change of the lists.
    assert len(sensitive) == len(harmless) == 30
    assert len(plain) <= 5, plain
    assert len(mixed) <= 9, mixed
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("half", ["chosen on", "reported"])
def test_harmless_titles_are_shown(half: Half) -> None:
    titles = [title for theme in themes("harmless", half) for title in theme.titles]
    assert len([title for title in titles if touched(title)]) <= 0.035 * len(titles)
