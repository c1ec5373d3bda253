"""Salient terms of titles and the keyword name that a journey has from its first moment.

A term is salient when the user's titles use it often and other people's titles seldom: its count
in the cluster times its inverse document frequency (Spärck Jones 1972) in a fixed background of
112,000 titles (`background.json`, made by `build_background.py`). A fixed background, because one
that is learned on the fly would make a user's changes depend on their neighbours.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

KEPT_TERMS: Final = 12  # terms counted per cluster: enough for a name of three and their rivals
NAME_TERMS: Final = 3
TITLE_NAME_CHARS: Final = 48  # of a title that must serve as a name

WORD: Final = re.compile(r"[^\W\d_][\w'’+#-]*[\w+#]", re.UNICODE)


class _Background(msgspec.Struct, frozen=True):
    """The table: idf by folded word, of words not in it, and of words too common to say much."""

    idf: dict[str, float]
    unseen: float
    common: float


@cache
def _background() -> _Background:
    path = Path(__file__).parent / "background.json"
    return msgspec.json.decode(path.read_bytes(), type=_Background)


def idf(term: str) -> float:
    """Inverse document frequency of a term."""
    background = _background()
    return background.idf.get(term, background.unseen)


def fold(word: str) -> str:
    """Lower case, possessive and plural endings off: what counts as the same word."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


@lru_cache(maxsize=65_536)
def terms_of(title: str) -> tuple[str, ...]:
    """The distinct terms of a title that say something, in the order they stand there."""
    common = _background().common
    words = (fold(word) for word in WORD.findall(title))
    return tuple(dict.fromkeys(word for word in words if len(word) > 1 and idf(word) > common))


def count_terms(kept: dict[str, float], terms: Iterable[str], weight: float) -> None:
    """Count terms into a bounded table; the least one makes room (space-saving).

    A newcomer takes over the count of the term it displaces (Metwally et al. 2005, Efficient
    computation of frequent and top-k elements), so a term that is frequent cannot be kept out.
    """
    for term in terms:
        if term in kept:
            kept[term] += weight
        elif len(kept) < KEPT_TERMS:
            kept[term] = weight
        else:
            least = min(kept, key=kept.__getitem__)
            kept[term] = kept.pop(least) + weight


def salient(counts: Mapping[str, float]) -> dict[str, float]:
    """Terms with their scores (count times idf), best first; ties by the term itself."""
    scores = ((term, round(times * idf(term), 2)) for term, times in counts.items())
    return dict(sorted(scores, key=lambda pair: (-pair[1], pair[0])))


def keyword_name(
    counts: Mapping[str, float], titles: Sequence[str], taken: Collection[str] = ()
) -> str:
    """A name from the best terms, spelled as the titles spell them: "Sourdough bread, starter".

    Args:
        counts: The cluster's terms.
        titles: Its exemplars, best first; without terms the first one is the name. At least one.
        taken: Names that the user's other journeys have; a further term tells them apart.
    """
    ranked = list(salient(counts))
    spelling = _spellings(titles)
    name = titles[0][:TITLE_NAME_CHARS].strip()
    for length in range(NAME_TERMS, max(len(ranked), NAME_TERMS) + 1):
        if ranked:
            phrases = _phrases(ranked[:length], titles)
            spelled = (" ".join(spelling.get(word, word) for word in phrase) for phrase in phrases)
            name = ", ".join(spelled)
            name = name[:1].upper() + name[1:]
        if name not in taken:
            return name
    return next(f"{name} ({n})" for n in count(2) if f"{name} ({n})" not in taken)


def _phrases(terms: Sequence[str], titles: Iterable[str]) -> list[list[str]]:
    """The terms, those that stand side by side in a title joined to pairs."""
    followed = _followers(titles)
    phrases: list[list[str]] = []
    used: set[str] = set()
    for term in terms:
        if term in used:
            continue
        used.add(term)
        free = (other for other in terms if other not in used)
        for other in free:
            if other in followed.get(term, ()) or term in followed.get(other, ()):
                pair = [term, other] if other in followed.get(term, ()) else [other, term]
                phrases.append(pair)
                used.add(other)
                break
        else:
            phrases.append([term])
    return phrases


def _spellings(titles: Iterable[str]) -> dict[str, str]:
    """How a folded word is spelled in the titles, lower case unless never so."""
    found: dict[str, str] = {}
    for title in titles:
        for word in WORD.findall(title):
            key = fold(word)
            plain = re.sub(r"['’]s$", "", word)
            if key not in found or (plain.islower() and not found[key].islower()):
                found[key] = plain
    return found


def _followers(titles: Iterable[str]) -> dict[str, set[str]]:
    """Which folded word follows which, side by side in a title."""
    found: dict[str, set[str]] = {}
    for title in titles:
        matches = list(WORD.finditer(title))
        for left, right in zip(matches, matches[1:], strict=False):
            if title[left.end() : right.start()] == " ":
                found.setdefault(fold(left.group()), set()).add(fold(right.group()))
    return found
