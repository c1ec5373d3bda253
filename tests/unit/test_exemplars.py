import pytest

from models.engine.exemplars import KEPT, Exemplar, are_alike, offer, score_of, shorten, standing
from tests.support.lives import Life

HALF_LIFE = 100.0


def item(name: str, title: str, score: float = 0.0) -> Exemplar:
    return Exemplar(name, title, 0, score)


def test_exemplars_are_few_distinct_close_and_fresh() -> None:
    kept: list[Exemplar] = []
    for moment in range(600):
        similarity = 0.9 if moment % 50 == 0 else 0.3
        newcomer = Exemplar(
            f"i{moment}", f"t{moment}", moment, score_of(similarity, moment, HALF_LIFE)
        )
        offer(kept, newcomer)
    moments = sorted(item.occurred_at for item in kept)
    assert len(moments) == KEPT
    assert 550 in moments  # close beats fresh
    assert moments[0] >= 200  # and fresh beats what is long ago
    again = Exemplar("i550", "t550", 550, score_of(0.1, 550, HALF_LIFE))
    assert not offer(kept, again)


@pytest.mark.parametrize(
    ("title", "other"),
    [
        ("The best sourdough bread recipe", "THE BEST SOURDOUGH BREAD RECIPE!!!"),
        ("chatbot: A hackable Next.js AI chatbot", "openchat: A hackable Next.js AI chatbot"),
        ("Pokémon cards", "Poke\u0301mon Cards"),
        ("手冲咖啡入门教程", "手冲咖啡入门教程！"),
    ],
)
def test_reposts_and_forks_are_one(title: str, other: str) -> None:
    assert are_alike(title, other)
    shown = standing([item("a", title, 2.0), item("b", other, 3.0), item("c", "Rye in a pot")])
    assert [one.item_id for one in shown] == ["b", "c"]


def test_titles_on_one_subject_are_not_one() -> None:
    assert not are_alike("Sourdough bread for beginners", "The best sourdough bread recipe")
    assert not are_alike("???", "!!!")


def test_a_repost_makes_no_room_for_itself_among_what_is_kept() -> None:
    kept = [item(f"i{number}", f"title number{number}", number) for number in range(KEPT)]
    assert offer(kept, item("again", f"Title NUMBER{KEPT - 1}", KEPT + 1))
    assert sorted(one.item_id for one in kept) == sorted(
        ["again", *(f"i{number}" for number in range(KEPT - 1))]
    )
    assert not offer(kept, item("weaker", "title number1", 0.5))


def test_what_stands_better_for_another_journey_is_left_out() -> None:
    mine = [item("a", "Rye bread", 5.0), item("b", "Espresso", 4.0)]
    theirs = [item("b", "Espresso", 6.0), item("x", "Rye bread", 1.0)]
    assert [one.item_id for one in standing(mine, theirs)] == ["a"]
    assert standing(mine[1:], theirs) == mine[1:]  # a journey always has something to show


def test_the_first_title_has_no_privilege() -> None:
    life = Life()
    life.act(0, about=1)
    life.act(0, about=1)
    first, second = life.user.clusters[0].exemplars
    assert first.score == second.score  # each is as near to the other


def test_a_long_title_is_shortened_visibly_and_in_whole_words() -> None:
    short = shorten("sourdough " * 40)
    assert short.endswith("sourdough…")
    assert shorten("short") == "short"
    assert len(shorten("x" * 200)) == len(shorten("手冲咖啡" * 50)) == 80
