"""Which texts an encoder can read, and what stands for the vector of one that it cannot.

The vectors of texts in a language that an encoder was not made for are all alike, whatever the
texts are about: strangers would become one interest, and a sure one. Two signs tell such a text:

- its letters are in no piece of the tokenizer's, or in pieces of one character each, in a script of
  which the vocabulary has no longer ones;
- it is in a language that the encoder does not claim, by py3langid. Names, typos and code of a
  language that it does claim look foreign, too: so what is so by a little only is read, and so is
  plain ASCII of which nearly all words are whole pieces of the vocabulary.

The bounds were chosen on English titles and on the user interfaces of programs in 80 languages;
`models/evaluation/README.md` has what they miss and what they hit wrongly.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from tokenizers import Encoding, Tokenizer

from models.encoders.onnx_folder import unknown_token
from models.text.identify import foreign_by
from models.vectors import Vector

MOST_SPELLED: Final = 0.5  # of a text's characters in pieces of one character
WHOLE: Final = 0.9  # of an ASCII text's characters in words of one piece: no language is asked for
FOREIGN: Final = 12.0  # nats by which another language is likelier
# Pieces of a script in a vocabulary that reads it: of several letters; or signs that are words, as
# there are in Chinese. English vocabularies have a few names, and some 500 signs.
PIECES: Final = 100
SIGNS: Final = 2_000
_WORDS_BEGIN: Final = "#▁"  # how WordPiece and SentencePiece mark pieces


class Reader:
    """Tells the texts that an encoder can read from those that it cannot.

    Args:
        tokenizer: Of the encoder.
        languages: Codes of those that it claims to read; empty: it does not say, and only the
            pieces tell.
        prefix: What is put before every text.
    """

    def __init__(self, tokenizer: Tokenizer, languages: Iterable[str], prefix: str) -> None:
        self._unknown = unknown_token(tokenizer)
        self._start = len(prefix)
        self._languages = frozenset(languages)
        self._scripts = _scripts(tokenizer.get_vocab())

    def reads(self, text: str, encoding: Encoding) -> bool:
        """Whether the encoder can read a text.

        Args:
            text: With the prefix.
            encoding: What the tokenizer makes of it.
        """
        pieces = self._pieces(text, encoding)
        if not pieces.known or pieces.spelled > MOST_SPELLED * pieces.all:
            return False
        if text.isascii() and pieces.whole >= WHOLE * pieces.all:
            return True
        return foreign_by(text[self._start :], self._languages) <= FOREIGN

    def _pieces(self, text: str, encoding: Encoding) -> "_Pieces":
        known, whole, parts, spelled = False, 0, 0, 0
        ids, words, unknown = encoding.ids, encoding.word_ids, self._unknown
        several = Counter(words)
        for i, word, (start, end) in zip(ids, words, encoding.offsets, strict=True):
            if word is None or end <= start or start < self._start:
                continue
            piece = text[start:end].strip()
            size = len(piece)
            known = known or i != unknown
            if i == unknown:
                spelled += sum(map(str.isalpha, piece))
            elif size == 1 and not piece.isascii():
                if _script(piece) in self._scripts:
                    parts += 1
                elif piece.isalpha():
                    spelled += 1
            elif several[word] > 1:
                parts += size
            elif size > 1:  # "a" and "5" are in every language
                whole += size
        return _Pieces(known, whole, spelled, whole + parts + spelled)


class _Pieces(NamedTuple):
    """Whether any piece of a text is known; its characters that are in whole words, spelled; all.

    Signs and single letters count as none.
    """

    known: bool
    whole: int
    spelled: int
    all: int


def from_characters(text: str, dimensions: int) -> Vector:
    """A unit vector that is a function of the text's characters, at random angles to all others."""
    bits = np.frombuffer(
        hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(-(-dimensions // 8)),
        np.uint8,
    )
    signs = np.unpackbits(bits)[:dimensions].astype(np.float32) * 2 - 1
    unit: Vector = signs / np.float32(np.sqrt(dimensions))
    return unit


def is_from_characters(vector: Vector) -> bool:
    """Whether a vector was made so: its parts differ in their signs only."""
    first, second = vector[:2].tolist()
    return abs(first) == abs(second) and bool((np.abs(vector) == abs(first)).all())


def _scripts(vocabulary: Iterable[str]) -> frozenset[str]:
    """The scripts that a vocabulary reads."""
    several: Counter[str] = Counter()
    signs: Counter[str] = Counter()
    for piece in vocabulary:
        letters = piece.strip(_WORDS_BEGIN)
        if letters.isalpha():
            (several if len(letters) > 1 else signs)[_script(letters[0])] += 1
    return frozenset(
        [script for script, count in several.items() if count >= PIECES]
        + [script for script, count in signs.items() if count >= SIGNS]
    )


@lru_cache(maxsize=65_536)
def _script(letter: str) -> str:
    """A letter's script, as Unicode's names begin: LATIN, CJK, HANGUL."""
    return unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
