from models.engine.exemplars import KEPT, Exemplar, offer, score_of, shorten
from models.text.keywords import (
    MOST_TERMS,
    Counts,
    add_counts,
    count_terms,
    keyword_name,
    relative,
    salient,
    terms_of,
)

TITLES = [
    "How to keep your sourdough starter alive",
    "Sourdough bread for beginners",
    "The best sourdough bread recipe",
    "Feeding a starter",
    "Crusty bread in an oven",
]


def counted(titles: list[str]) -> Counts:
    counts: Counts = {}
    for title in titles:
        count_terms(counts, terms_of(title))
    return counts


def test_function_words_and_talk_are_no_terms() -> None:
    assert terms_of("How to find the best new puzzles, please?") == ("puzzle",)
    assert terms_of("the of and") == ()


def test_one_word_in_its_forms_is_one_term() -> None:
    assert terms_of("Chicken chickens CHICKEN’S glass") == ("chicken", "glass")


def test_a_name_is_made_of_what_the_titles_share_as_they_spell_it() -> None:
    assert keyword_name(counted(TITLES), TITLES) == "Sourdough bread, starter"
    assert keyword_name(counted(["NASA probe", "NASA budget"]), ["NASA probe"]) == "NASA"


def test_a_name_that_is_taken_gets_a_further_term_or_a_number() -> None:
    taken = {keyword_name(counted(TITLES), TITLES)}
    other = keyword_name(counted(TITLES), TITLES, taken)
    assert other not in taken
    assert other.startswith("Sourdough")


def test_titles_without_terms_still_give_a_name() -> None:
    assert keyword_name({}, ["To be or not to be"]) == "To be or not to be"
    assert keyword_name({}, ["???"], {"???"}) == "??? (2)"


def test_the_table_of_terms_is_bounded_and_keeps_what_is_frequent() -> None:
    counts: Counts = {}
    for number in range(500):
        count_terms(counts, ["often", f"once{number}", f"never{number}"])
    assert len(counts) <= MOST_TERMS
    assert counts["often"] == 500
    add_counts(counts, {f"more{number}": 2 for number in range(99)})
    assert len(counts) <= MOST_TERMS
    assert next(iter(salient(counts))) == "often"


def test_exemplars_are_few_distinct_close_and_fresh() -> None:
    kept: list[Exemplar] = []
    half_life = 100.0
    for moment in range(400):
        similarity = 0.9 if moment % 50 == 0 else 0.3
        offer(kept, Exemplar(f"i{moment}", "t", moment, score_of(similarity, moment, half_life)))
    moments = sorted(item.occurred_at for item in kept)
    assert len(moments) == KEPT
    assert 350 in moments  # close beats fresh
    assert moments[0] > 200  # and fresh beats what is long ago
    again = Exemplar("i350", "t", 350, score_of(0.1, 350, half_life))
    assert not offer(kept, again)


def test_a_long_title_is_shortened_visibly() -> None:
    assert shorten("word " * 40).endswith("…")
    assert shorten("short") == "short"


def test_scores_of_terms_count_beside_one_another_and_in_no_unit() -> None:
    counts: Counts = {}
    add_counts(counts, relative({"flute": 40, "chamber": 10, "said": 0}))
    assert counts == {"flute": 1, "chamber": 0.25}
    assert relative({"flute": 4e-9, "chamber": 1e-9}) == relative({"flute": 40, "chamber": 10})
    assert relative({"said": 0.0}) == {}
