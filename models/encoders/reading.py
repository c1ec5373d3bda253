"""Which texts an encoder can read, and what stands for the vector of one that it cannot.

The vectors of texts in a language that an encoder was not made for are all alike, whatever the
texts are about: strangers would become one interest, and a sure one. Two signs tell such a text:

- its letters are in pieces of one character each, or in none: so does a tokenizer spell a script of
  which its vocabulary has no words;
- it is in a language that the encoder does not claim, by py3langid. Names, typos and code of a
  language that it does claim look foreign, too: so what is so by a little only is read, and so is
  plain ASCII of which nearly all words are whole pieces of the vocabulary.

The bounds were chosen on English titles and on the user interfaces of programs in 80 languages;
`models/evaluation/README.md` has what they miss and what they hit wrongly.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from tokenizers import Encoding, Tokenizer

from models.encoders.onnx_folder import unknown_token
from models.text.languages import LANGUAGES
from models.vectors import Vector

MOST_SPELLED: Final = 0.5  # of a text's characters in pieces of one character
WHOLE: Final = 0.9  # of an ASCII text's characters in words of one piece: no language is asked for
FOREIGN: Final = 12.0  # nats by which another language is likelier
HAN_SIGNS: Final = 2_000  # in a vocabulary that reads a sign as a word; English ones have some 500
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
        self._languages = frozenset(map(_language, languages))
        signs = (piece.strip(_WORDS_BEGIN) for piece in tokenizer.get_vocab())
        self._reads_han = sum(map(_is_han, signs)) >= HAN_SIGNS

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
        return not self._is_foreign(text[self._start :])

    def _pieces(self, text: str, encoding: Encoding) -> "_Pieces":
        known, whole, parts, spelled = False, 0, 0, 0
        ids, words, unknown = encoding.ids, encoding.word_ids, self._unknown
        several = Counter(words)
        for i, word, (start, end) in zip(ids, words, encoding.offsets, strict=True):
            if word is None or end <= start or start < self._start:
                continue
            size = end - start
            known = known or i != unknown
            if i == unknown:
                spelled += sum(map(str.isalpha, text[start:end]))
            elif size == 1 and not (sign := text[start]).isascii():
                if self._reads_han and _is_han(sign):
                    parts += 1
                elif sign.isalpha():
                    spelled += 1
            elif several[word] > 1:
                parts += size
            elif size > 1:  # "a" and "5" are in every language
                whole += size
        return _Pieces(known, whole, spelled, whole + parts + spelled)

    def _is_foreign(self, text: str) -> bool:
        identifier = _identifier(self._languages)
        if identifier is None:
            return False
        scores = identifier.rank(text)  # the likeliest first
        own = next(score for language, score in scores if language in self._languages)
        return bool(scores[0][1] - own > FOREIGN)


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


@cache
def _identifier(languages: frozenset[str]) -> LanguageIdentifier | None:
    """Tells these languages from others; None where it knows none of them, or no others."""
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    known = frozenset(identifier.labels)
    own, others = languages & known, known.intersection(LANGUAGES) - languages
    if not own or not others:
        return None
    identifier.set_languages(own | others)
    return identifier


def _language(code: str) -> str:
    """A language's code as py3langid has it: without script and country."""
    language = code.replace("_", "-").split("-")[0].lower()
    return "no" if language == "nb" else language


def _is_han(sign: str) -> bool:
    return len(sign) == 1 and "\u3400" <= sign <= "\u9fff"
