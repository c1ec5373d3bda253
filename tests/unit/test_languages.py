"""Titles that an encoder cannot read are seen as such, and make no interest of strangers."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from models.encoders.encoder import SHIPPED, Encoder
from models.encoders.reading import Reader, from_characters, is_from_characters
from models.engine.engine import Engine
from models.engine.params import DAY_MS, EngineParams
from models.records import Activity, encode
from tests.support.languages import INTERESTS, found, journeys
from tests.support.lives import START
from tests.support.processes import replayed

ENGLISH = sorted(SHIPPED)

# Of all that looks foreign: names, loans, typos, slang, emoji, code, versions, ids.
READ = [
    "Beyoncé and Måneskin at Coachella",
    "Spaghetti alla puttanesca, the way my neighbour makes it",
    "Crème brûlée without a blowtorch",
    "Naïve Bayes from scratch",
    "Reading the 漢字 on Tokyo street signs",
    "Weekend in Thessaloniki with Γιώργος",
    "Sigur Rós live in Reykjavík",
    "recieve teh pakage tomorow",
    "omg lol im dying rn 😂😂",
    "🔥🔥 top 10 goals 🔥🔥",
    "std::vector<int> vs std::array",
    "SELECT * FROM users WHERE id = 1",
    "kubectl get pods -n kube-system",
    "C#",
    "Python 3.12",
    "tt0071853",
    "numpy.einsum('ij,jk->ik')",
    "Kubernetes",
    "Sushi",
    "Café",
    "iPhone 15 Pro Max vs Pixel 8",
]
UNREAD = [
    "Самые красивые озёра Карелии",
    "京都の紅葉を見に行く",
    "부산 여행",
    "แมว",
    "Τα καλύτερα νησιά",
    "Как готовить борщ 🍲",
    "Wie man einen Apfelbaum im Winter richtig schneidet",
    "Comment tailler un pommier en hiver",
    "Cómo podar un manzano en invierno",
    "Jak przycinać jabłoń zimą",
    "Kışın elma ağacı nasıl budanır",
    "Hvordan beskjærer man et epletre om vinteren",
    "Sut i docio coeden afalau yn y gaeaf",
    "Si të krasitni një pemë molle në dimër",
]


@pytest.fixture(scope="module", params=ENGLISH)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return Encoder.open(request.param)


def unread(encoder: Encoder, titles: Sequence[str]) -> list[str]:
    vectors = encoder.encode(titles)
    return [title for title, one in zip(titles, vectors, strict=True) if is_from_characters(one)]


def test_what_is_not_english_is_not_read(encoder: Encoder) -> None:
    assert unread(encoder, UNREAD) == UNREAD


def test_english_with_names_typos_emoji_and_code_is_read(encoder: Encoder) -> None:
    assert unread(encoder, READ) == []


def test_a_title_that_is_not_read_is_near_to_itself_alone(encoder: Encoder) -> None:
    vectors = encoder.encode([*UNREAD, "Pruning an apple tree in winter"])
    cosines = vectors @ vectors.T
    assert np.allclose(cosines.diagonal(), 1.0, atol=1e-6)
    assert np.abs(cosines - np.diag(cosines.diagonal())).max() < 0.3


@pytest.mark.parametrize("language", INTERESTS)
def test_interests_in_another_language_do_not_become_one(encoder: Encoder, language: str) -> None:
    mixed = [one for one in found(encoder, INTERESTS[language]) if len(set(one.about)) > 1]
    assert [one for one in mixed if one.confidence > 0.5] == []


def test_english_interests_of_one_who_reads_russian_too_are_found(encoder: Encoder) -> None:
    english = {
        "bread": [
            "Sourdough for beginners",
            "Why my sourdough bread does not rise",
            "Rye flour or spelt flour for bread?",
            "Baguettes like those of a French bakery",
            "Baking bread in a cast iron pot",
            "Letting bread dough rise overnight",
            "Crusty bread rolls for breakfast",
            "A sourdough starter from scratch",
        ]
    }
    with_russian = english | INTERESTS["ru"]
    assert [one.about for one in found(encoder, with_russian) if one.confidence > 0.5] == [
        tuple(["bread"] * 8)
    ]


def test_the_same_item_again_is_one_interest_whatever_it_says(encoder: Encoder) -> None:
    title = INTERESTS["ru"]["chess"][0]
    told = [(START + day * DAY_MS, "chess", title) for day in range(0, 56, 3)]
    assert journeys(encoder, told) == [], "one item on repeat is a habit"
    others = [
        (moment + 1, "others", other) for (moment, _, _), other in zip(told, UNREAD, strict=False)
    ]
    assert journeys(encoder, sorted([*told, *others])) == []


def confidence(titles: Sequence[str], unread: int, languages: Sequence[str]) -> float:
    """In the journey of titles that the encoder takes to be alike.

    Args:
        titles: A week each.
        unread: Titles after each that the encoder knows it cannot read.
        languages: That it says it reads.
    """
    engine = Engine(EngineParams(languages=frozenset(languages)))
    user = engine.new_user("u")
    alike = np.eye(256, dtype=np.float32)[0]
    started = []
    for week, title in enumerate(titles):
        vectors = {title: alike} | {
            f"{title} {n}": from_characters(f"{title} {n}", 256) for n in range(unread)
        }
        for n, (told, vector) in enumerate(vectors.items()):
            at = START + 7 * week * DAY_MS + n
            out = engine.activity(user, Activity(f"{week}:{n}", "u", told, told, at), vector)
            started += [one for one in out.changes if one.kind == "started"]
    (change,) = started
    assert change.journey is not None
    return change.journey.confidence


def test_a_journey_of_titles_in_a_language_that_is_not_read_is_doubted() -> None:
    german = [title for own in INTERESTS["de"].values() for title in own[:2]]
    english = [
        f"{title} at home" for title in ("Baking bread", "Sourdough", "Rye", "Oven", "Dough")
    ]
    assert confidence(german, 1, ["en"]) < 0.25
    assert confidence(german, 1, ["en", "de"]) > 0.5
    assert confidence(english, 1, ["en"]) > 0.5, "one who reads both has English interests"
    assert confidence(german, 1, []) > 0.5, "an encoder that does not say what it reads"
    assert confidence(german, 0, ["en"]) > 0.5, "all of this person was read"


def test_a_replay_says_what_it_cannot_read() -> None:
    titles = [title for own in INTERESTS["el"].values() for title in own]
    lines = [
        encode(Activity(f"e{n}", "u", title, title, START + n * DAY_MS))
        for n, title in enumerate([*titles, "Baking bread"])
    ]
    code, _, err = replayed("-", given=b"\n".join(lines))
    assert code == 0
    told = [line for line in err.splitlines() if "read" in line]
    assert len(told) == 2
    assert "(it reads en) cannot read the titles of 5 of 5 activities" in told[0]
    assert told[1].endswith(f", {len(titles)} titles not read by the encoder")


def test_a_folder_that_names_no_languages_goes_by_the_pieces(tmp_path: Path) -> None:
    said = json.loads((SHIPPED["fast"] / "config.json").read_text())
    for name in ("model.onnx", "tokenizer.json"):
        shutil.copy(SHIPPED["fast"] / name, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(said | {"languages": []}))
    silent = Encoder.open(str(tmp_path))
    assert unread(silent, ["Озёра Карелии", "京都の紅葉を見に行く"]) == [
        "Озёра Карелии",
        "京都の紅葉を見に行く",
    ]
    assert unread(silent, ["Wie man einen Apfelbaum schneidet", *READ]) == []


def test_a_folder_that_names_more_languages_reads_those(tmp_path: Path) -> None:
    said = json.loads((SHIPPED["fast"] / "config.json").read_text())
    for name in ("model.onnx", "tokenizer.json"):
        shutil.copy(SHIPPED["fast"] / name, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(said | {"languages": ["de-AT", "en", "xx"]}))
    german = Encoder.open(str(tmp_path))
    titles = ["Wie man einen Apfelbaum schneidet", "Comment tailler un pommier en hiver"]
    assert unread(german, titles) == titles[1:]


def test_what_a_unigram_model_does_not_know_is_not_read() -> None:
    pieces = [("<unk>", 0.0), ("▁", -3.0), ("▁bread", -2.0), ("▁baking", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁")
    reader = Reader(tokenizer, [], "")
    for title, reads in (("baking bread", True), ("தமிழ் நாடு", False)):
        assert reader.reads(title, tokenizer.encode(title)) is reads


def test_a_vocabulary_of_thousands_of_signs_reads_them() -> None:
    def reader(signs: int) -> tuple[Tokenizer, Reader]:
        pieces = ["[UNK]", *(chr(0x4E00 + number) for number in range(signs))]
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
        return tokenizer, Reader(tokenizer, [], "")

    title = "丁七万丈三上下"
    for signs, reads in ((600, False), (6_000, True)):
        tokenizer, its = reader(signs)
        assert its.reads(title, tokenizer.encode(title)) is reads
