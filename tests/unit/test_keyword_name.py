import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from models.text.keyword_name import keyword_name
from models.text.keywords import Counts, count_terms, terms_of
from models.text.phrases import Counted
from models.text.words import words

Form: TypeAlias = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD")
LANGUAGES = json.loads((Path(__file__).parents[1] / "data" / "languages.json").read_text("utf-8"))

BREAD = [
    "How to keep your sourdough starter alive",
    "Sourdough bread for beginners",
    "The best sourdough bread recipe",
    "Feeding a starter",
    "Crusty bread in an oven",
]


def counted(titles: Sequence[str]) -> Counted:
    counts: Counts = {}
    for title in titles:
        count_terms(counts, terms_of(title))
    return Counted(counts, len(titles))


def named(*titles: str, taken: Sequence[str] = (), others: Sequence[Counted] = ()) -> str:
    return keyword_name(counted(titles), titles, taken, others)


def test_a_phrase_that_most_titles_hold_is_the_name() -> None:
    assert (
        named(
            "A Discord bot for music",
            "Discord bots that moderate",
            "discord.js: write a bot with commands",
            "Hosting Discord bots",
            "Commands for a Discord bot",
        )
        == "Discord bots"
    )


def test_what_no_phrase_is_about_alone_has_two() -> None:
    name = named(
        "Grinding coffee by hand",
        "A kettle for filter coffee",
        "Coffee from Ethiopia",
        "Espresso at home",
        "Cleaning an espresso machine",
        "The espresso of Naples",
    )
    assert name in ("Coffee, espresso", "Espresso, coffee")


def test_one_word_is_a_name_where_it_covers() -> None:
    titles = ["Chess openings", "Endgames in chess", "Playing chess online", "A chess clock"]
    assert named(*titles) == "Chess"


@pytest.mark.parametrize(
    ("titles", "name"),
    [
        (["NASA probe", "A NASA budget", "The next probe of NASA"], "NASA probe"),
        (["An iOS game", "Games for iOS", "iOS 17 is out"], "iOS"),
        (["VISITING THE ALHAMBRA", "The Alhambra at night", "An Alhambra ticket"], "Alhambra"),
        (["Novel of the year", "Ten novels", "Novels by women", "A debut novel"], "Novels"),
        (["Learning to weld", "MIG welding", "Welding in a barn", "My weld broke"], "Welding"),
    ],
)
def test_a_name_is_spelled_as_most_titles_spell_it(titles: list[str], name: str) -> None:
    assert named(*titles) == name


def test_a_name_is_no_piece_of_a_phrase() -> None:
    york = ["Pizza in New York", "New York by bike", "A weekend in New York", "New York jazz"]
    assert named(*york) == "New York"
    legends = ["League of Legends finals", "Watching League of Legends", "A League of Legends pro"]
    assert named(*legends) == "League of Legends"


def test_asides_slugs_and_words_that_were_cut_off_are_no_names() -> None:
    assert named("Intro to Lua [PDF]", "Lua manual [PDF]", "Lua for kids [PDF]") == "Lua"
    slugs = ["aws-karpenter-provider: nodes", "aws-karpenter-provider: pods of Kubernetes"]
    assert "-" not in named(*slugs, "Kubernetes nodes")
    cut = ["Neovim in the termi…", "Neovim for the termi…", "Neovim plugins"]
    assert named(*cut) == "Neovim"


def test_what_the_users_other_journeys_share_is_no_name() -> None:
    titles = ["Python framework for tests", "Python web framework", "A Python framework"]
    others = [Counted({"python": 40}, 50), Counted({"python": 30}, 40)]
    assert named(*titles) == "Python framework"
    shared = ["Python parsers", "A parser in Python", "Python: parser of dates"]
    assert named(*shared, others=others).startswith("Parser")


def test_a_name_that_is_taken_gets_a_further_phrase_or_a_number() -> None:
    taken = [named(*BREAD)]
    other = named(*BREAD, taken=taken)
    assert other not in taken
    assert other.startswith("Sourdough")
    assert named("???", taken=["???"]) == "??? (2)"


def test_titles_that_share_nothing_give_the_first_one_if_it_is_short() -> None:
    assert named("Der Hobbit", "Dune", "Emma: a novel") == "Der Hobbit"
    name = named("I would like to start sculpting with clay, please help", "Emma", "Dune")
    assert len(name.split()) <= 5


def test_a_name_is_never_an_address_or_an_entity() -> None:
    name = named(
        "https://www.youtube.com/watch?v=1 Potato chips &amp; dips",
        "https://www.youtube.com/watch?v=2 Potato chips &amp; salsa",
        "Homemade potato chips https://www.youtube.com/watch?v=3",
    )
    assert name == "Potato chips"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("entry", LANGUAGES, ids=lambda entry: entry["language"])
def test_names_are_whole_words_of_the_titles_in_their_language(
    entry: dict[str, str | list[str]], form: Form
) -> None:
    titles = [unicodedata.normalize(form, title) for title in entry["titles"]]
    name = named(*titles)
    assert name.casefold() == str(entry["about"]).casefold()
    known = {word.text.casefold() for title in titles for word in words(title)}
    assert {word.text.casefold() for word in words(name)} <= known


def test_names_do_not_depend_on_the_order_of_terms_or_on_case() -> None:
    own = counted(BREAD)
    turned = Counted(dict(list(own.counts.items())[::-1]), own.activities)
    assert keyword_name(turned, BREAD) == keyword_name(own, BREAD)


def test_a_word_of_which_another_form_is_a_function_word_is_a_word_like_others() -> None:
    assert named("Helper bread help", "helper help ski", "help helper", "helper dog help")
