from models.text.keywords import (
    MOST_TERMS,
    Counts,
    add_counts,
    count_terms,
    relative,
    salient,
    terms_of,
)


def test_function_words_and_talk_are_no_terms() -> None:
    assert terms_of("How to find the best new puzzles, please?") == ("puzzle",)
    assert terms_of("the of and") == ()


def test_function_words_of_other_languages_are_no_terms_and_english_homonyms_are() -> None:
    assert terms_of("Die besten Rezepte für einen Kuchen") == ("rezepte", "kuchen")
    assert terms_of("Las recetas de la abuela para el invierno") == ("receta", "abuela", "invierno")
    assert "van" in terms_of("How to live in a van")


def test_addresses_and_entities_are_no_terms() -> None:
    title = "Potato chips &amp; dips https://www.youtube.com/watch?v=dQw4 me@mail.example.org"
    assert terms_of(title) == ("potato", "chip", "dip")


def test_one_word_in_its_forms_is_one_term() -> None:
    assert terms_of("Chicken chickens CHICKEN’S glass") == ("chicken", "glass")


def test_the_table_of_terms_is_bounded_and_keeps_what_is_frequent() -> None:
    counts: Counts = {}
    for number in range(500):
        count_terms(counts, ["often", f"once{number}", f"never{number}"])
    assert len(counts) <= MOST_TERMS
    assert counts["often"] == 500
    add_counts(counts, {f"more{number}": 2 for number in range(99)})
    assert len(counts) <= MOST_TERMS
    assert next(iter(salient(counts))) == "often"


def test_scores_of_terms_count_beside_one_another_and_in_no_unit() -> None:
    counts: Counts = {}
    add_counts(counts, relative({"flute": 40, "chamber": 10, "said": 0}))
    assert counts == {"flute": 1, "chamber": 0.25}
    assert relative({"flute": 4e-9, "chamber": 1e-9}) == relative({"flute": 40, "chamber": 10})
    assert relative({"said": 0.0}) == {}
