import unicodedata

import pytest

from models.text.words import plain, words


def spelled(title: str) -> list[str]:
    return [word.text for word in words(title)]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("हिन्दी में खाना", ["हिन्दी", "में", "खाना"]),
        ("தமிழ் சமையல்", ["தமிழ்", "சமையல்"]),
        ("می‌خواهم کتاب", ["می‌خواهم", "کتاب"]),
        ("C# and C++ in Node.js, or .NET", ["C#", "and", "C++", "in", "Node.js", "or", ".NET"]),
        ("Self-hosted 3D printing", ["Self", "hosted", "3D", "printing"]),
        ("Grandma's café", ["Grandma", "café"]),
    ],
)
def test_words_are_whole(title: str, expected: list[str]) -> None:
    assert spelled(title) == expected


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("机器学习入门教程", "机器"),
        ("東京の桜を見る", "東京"),
        ("วิธีทำต้มยำกุ้ง", "กุ้ง"),
        ("ភាសាខ្មែរជាភាសាផ្លូវការ", "ភាសាខ្មែរ"),
        ("Python入门", "Python"),
    ],
)
def test_words_are_found_where_there_are_no_blanks(title: str, word: str) -> None:
    assert word in spelled(title)
    assert "".join(spelled(title)) == title


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (unicodedata.normalize("NFD", "Pokémon"), "Pokémon"),
        ("𝗦𝗼𝘂𝗿𝗱𝗼𝘂𝗴𝗵", "Sourdough"),
        ("Ｓｏｕｒｄｏｕｇｈ", "Sourdough"),
        ("ﾎﾟｹﾓﾝ", "ポケモン"),
        ("sour\u200bdough\ufeff", "sourdough"),
        ("chips &amp;amp; dips", "chips & dips"),
        ("Lego™ ½", "Lego™ ½"),
    ],
)
def test_a_title_is_read_as_it_looks(written: str, meant: str) -> None:
    assert plain(written) == meant


def test_emoji_and_their_variants_are_no_words() -> None:
    assert spelled("❤️ bread 👨‍👩‍👧 1️⃣") == ["bread", "1"]
