"""The words of a title, in any script: found, and made comparable.

A word is letters with their marks (Unicode 15, UAX 29: "हिन्दी", "Pokémon" in either form). Where a
script puts no blanks between words, ICU's dictionaries say where they end; they come with the
package, so that a replay and a worker that have the same packages find the same words.
"""

import html
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

import regex
from icu4py.breakers import WordBreaker

# What runs to the end of a word or of a few: what is put to an address, not what a title is about.
_ADDRESS: Final = regex.compile(
    r"(?:https?|ftp)://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+|(?<!\S)@\w+|"
    r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov)\b(?:/\S*)?"
)
_ADDRESSED: Final = ("://", "www.", "@", ".com", ".org", ".net", ".edu", ".gov")  # looked for first
# Seen by nobody: zero-width spaces, marks of direction, soft hyphens, variants and keycaps of
# emoji. Joiners are part of how Indic and Persian words are spelled, and stay within those.
_UNSEEN: Final = regex.compile(
    r"(?:(?![\u200c\u200d])\p{Cf}|[\ufe00-\ufe0f\u20e3]|"
    r"[\u200c\u200d](?!(?<=[\p{L}\p{M}].)\p{L})|(?<=[\p{Latin}\p{Cyrillic}\p{Greek}])[\u200c\u200d])+"
)
# Letters and digits that are pictures of others: full-width, bold, in ligatures. Not Hangul, whose
# plain form is no more readable.
_PICTURED: Final = regex.compile(
    r"[[\p{L}\p{Nd}]&&[\uff00-\uffef\ufb00-\ufdff\ufe70-\ufefe\U0001d400-\U0001d7ff]]+", regex.V1
)
_UNSPACED: Final = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
_RUN: Final = regex.compile(rf"[{_UNSPACED}\p{{M}}]+|[^{_UNSPACED}]+")
_UNSPACED_SIGN: Final = regex.compile(rf"[{_UNSPACED}]")
WORD: Final = regex.compile(
    r"(?:\p{L}|(?<![\w.])\.(?=NET\b)|\p{N}+(?=\p{L}))"
    r"(?:[\p{L}\p{M}\p{N}'’+#\u200c\u200d]*[\p{L}\p{M}\p{N}+#])?(?:\.(?:[a-z]{1,4}|NET)(?![\w.]))?"
    r"|\p{N}+"
)
# Scripts in which one sign may be a word: "茶", "책".
_SIGN: Final = regex.compile(r"[\p{Han}\p{Hangul}]")
_POSSESSIVE: Final = regex.compile(r"['’]s$")


class Word(NamedTuple):
    """A word of a title.

    Attributes:
        text: As it stands there, without a possessive.
        folded: What counts as the same word.
        lower: In lower case, its endings on: as lists of function words have it.
        before: What stands between it and the word before it, None at the start.
    """

    text: str
    folded: str
    lower: str
    before: str | None


def plain(title: str) -> str:
    """A title's text as it would be read: no entities, addresses, nor signs that nobody sees."""
    if "&" in title:
        title = html.unescape(html.unescape(title))  # feeds escape what was escaped
    if not title.isascii():
        title = unicodedata.normalize("NFC", _UNSEEN.sub("", title))
        title = _PICTURED.sub(lambda run: unicodedata.normalize("NFKC", run.group()), title)
    return _ADDRESS.sub(" ", title) if any(sign in title for sign in _ADDRESSED) else title


def fold(word: str) -> str:
    """Lower case, possessive and plural endings off: what counts as the same word."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui" and "." not in word:
        return word[:-1]
    return word


@lru_cache(maxsize=4_096)
def words(title: str) -> tuple[Word, ...]:
    """The words of a title in their order, numbers and single letters among them."""
    text, end = plain(title), 0
    found: list[Word] = []
    for match in WORD.finditer(text):
        for start, stop in _segments(match.group()):
            start, stop = start + match.start(), stop + match.start()
            spelled = _POSSESSIVE.sub("", text[start:stop])
            before = text[end:start] if found else None
            found.append(Word(spelled, fold(spelled), spelled.lower(), before))
            end = stop
    return tuple(found)


def pieces(text: str) -> list[str]:
    """The words of a plain text as they stand there, for whoever needs no more of them."""
    if text.isascii():
        return WORD.findall(text)
    return [run[start:stop] for run in WORD.findall(text) for start, stop in _segments(run)]


def is_wordlike(folded: str) -> bool:
    """Whether it is a word: no number, and no letter of a script that spells words with several."""
    return not folded[0].isdigit() and (len(folded) > 1 or _SIGN.match(folded) is not None)


def is_unspaced(text: str) -> bool:
    """Whether a word is of a script that puts no blanks between words."""
    return not text.isascii() and _UNSPACED_SIGN.match(text) is not None


def _segments(run: str) -> list[tuple[int, int]]:
    """Where the words of a run of letters begin and end."""
    if run.isascii() or _UNSPACED_SIGN.search(run) is None:
        return [(0, len(run))]
    found = []
    for part in _RUN.finditer(run):
        if is_unspaced(part.group()):
            found += [
                (start + part.start(), stop + part.start())
                for start, stop in WordBreaker(part.group(), "und").segments()
            ]
        else:
            found.append(part.span())
    return found
