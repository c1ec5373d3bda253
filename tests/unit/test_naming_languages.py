"""Names are in the language of the titles, made of whole words, and hold for most of them."""

from collections.abc import Sequence

import pytest

from models.encoders.encoder import Encoder
from models.naming.answers import Policy, Refusal
from models.naming.choice import choose
from models.naming.examples import SEVERAL, examples
from models.naming.prompt import messages
from models.naming.titles import Evidence
from tests.support.naming import LISTS, request

TITLES = {
    "de": (
        "Wie man einen Roggensauerteig am Leben hält",
        "Brot im Topf backen",
        "Sauerteig für Anfänger",
        "Warum ist mein Brot so dicht und nicht luftig?",
    ),
    "fr": (
        "Pain au levain pour les débutants",
        "Comment garder son levain en vie",
        "Cuire du pain dans une cocotte",
        "Pourquoi mon pain est-il si dense ?",
    ),
    "ru": (
        "Как выбрать телескоп для дачи",
        "Фотографии Сатурна в телескоп",
        "Окуляры для телескопа: сравнение",
        "Где увидеть тёмное небо",
    ),
    "ja": ("スキー板の選び方", "初心者のスキー教室", "白馬でスキー", "スキーブーツの手入れ"),
    "ko": ("스키 장비 고르는 법", "초보자를 위한 스키", "평창 스키 여행", "스키 부츠 관리"),
    "ar": ("خبز العجين المخمر", "كيف تخبز الخبز في المنزل", "وصفة خبز سهلة", "الخبز بدون عجن"),
    "hi": ("घर पर रोटी बनाना", "रोटी का आटा", "नरम रोटी कैसे बनाएं", "तंदूरी रोटी"),
    "el": ("Ψωμί με προζύμι", "Πώς να φτιάξετε ψωμί", "Ψωμί στο σπίτι", "Το προζύμι μου"),
}


def refusals(titles: Sequence[str], *answers: str) -> list[Refusal]:
    return list(choose(answers, Evidence.of(request(*titles)), Policy()).refused)


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "Brot backen mit Sauerteig"),
        ("fr", "Pain au levain"),
        ("ru", "Телескопы"),
        ("ja", "スキー"),
        ("ko", "스키"),
        ("ar", "خبز في المنزل"),
        ("hi", "रोटी"),
        ("el", "Ψωμί με προζύμι στο σπίτι"),
    ],
)
def test_a_name_in_the_language_of_the_titles_may_be_published(language: str, name: str) -> None:
    evidence = Evidence.of(request(*TITLES[language], terms={"x": 1.0}))
    assert choose([name], evidence, Policy()).name == name


@pytest.mark.parametrize("language", TITLES)
def test_a_name_in_english_is_refused_where_titles_are_clearly_in_another(language: str) -> None:
    assert refusals(TITLES[language], "Baking at home") == [Refusal.LANGUAGE]
    assert refusals(TITLES[language], "Telescopes and astronomy") == [Refusal.LANGUAGE]


def test_words_that_the_titles_have_are_of_their_language() -> None:
    titles = ("Уроки Python с нуля", "Python для начинающих", "Задачи по Python", "Игра на Python")
    assert choose(["Python"], Evidence.of(request(*titles)), Policy()).name == "Python"
    assert refusals(titles, "Programming") == [Refusal.LANGUAGE]


def test_a_word_that_no_title_has_must_come_in_two_answers_where_no_list_has_it() -> None:
    name = "Астрономия и телескопы"
    assert refusals(TITLES["ru"], name) == [Refusal.BROKEN]
    again = choose(
        [name, "Астрономия, телескоп", name], Evidence.of(request(*TITLES["ru"])), Policy()
    )
    assert again.name == name


@pytest.mark.parametrize(
    "name", ["Bread breadulence", "Bread iaa", "Bread and thebible", "Rye bread Jr.Song"]
)
def test_a_word_that_is_none_is_refused(name: str) -> None:
    titles = [f"{title} with bread" for title in LISTS["sourdough"]]
    assert refusals(titles, name)[0] in (Refusal.BROKEN, Refusal.FORM)


@pytest.mark.parametrize(
    ("topic", "name", "reason"),
    [
        ("chess", "Chess and the creek", Refusal.STRAY),
        ("chess", "Sicilian defence", Refusal.FRAGMENT),
        ("telescopes", "Chess openings", Refusal.UNGROUNDED),
        ("beekeeping", "Bees and the royal family", Refusal.STRAY),
    ],
)
def test_what_most_titles_have_nothing_to_do_with_is_refused(
    topic: str, name: str, reason: Refusal
) -> None:
    choice = choose([name], Evidence.of(request(*LISTS[topic])), Policy(), Encoder.open("fast"))
    assert list(choice.refused) == [reason]


@pytest.mark.parametrize(
    ("topic", "names", "best"),
    [
        ("chess", ("Chess openings", "Chess", "Club players"), ("Chess openings", "Chess")),
        ("telescopes", ("Telescope toys", "Telescopes"), ("Telescopes",)),
        ("beekeeping", ("Honey", "Beekeeping"), ("Beekeeping",)),
    ],
)
def test_what_most_titles_are_about_is_taken(
    topic: str, names: tuple[str, ...], best: tuple[str, ...]
) -> None:
    evidence = Evidence.of(request(*LISTS[topic], terms={"x": 1.0}))
    assert choose(names, evidence, Policy(), Encoder.open("fast")).name in best


def test_what_the_model_found_likelier_is_taken() -> None:
    evidence = Evidence.of(request(*LISTS["chess"]))
    names = ["Chess endgames", "Chess games"]
    for likely in names:
        nats = [-0.2 if name == likely else -4.0 for name in names]
        assert choose(names, evidence, Policy(), Encoder.open("fast"), nats).name == likely


@pytest.mark.parametrize("language", TITLES)
def test_titles_in_other_languages_are_asked_about_with_examples_in_several(language: str) -> None:
    chat = messages(Evidence.of(request(*TITLES[language])))
    told = [turn["content"] for turn in chat if turn["role"] == "assistant"]
    assert '{"name":"スキー"}' in told
    assert all("Restoring vintage bicycles" not in each for each in told)


@pytest.mark.parametrize("example", examples(SEVERAL), ids=lambda example: example.name)
def test_the_examples_are_in_the_language_of_their_titles(example: object) -> None:
    titles, name = example.titles, example.name  # type: ignore[attr-defined]
    twice = [name, name]  # a word that no title has comes in two answers
    refused = choose(twice, Evidence.of(request(*titles)), Policy()).refused
    assert not set(refused) & {Refusal.LANGUAGE, Refusal.BROKEN, Refusal.FORM}
