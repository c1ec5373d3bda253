"""What of a naming request may be shown to a model, and what a name can be grounded on.

Titles come from strangers. They are cleaned, capped, and one that talks to a model
(models/guard/injection.py) is set aside: it is neither shown nor does it count as evidence, and
words that only it has may not turn up in a name (answers.py).
"""

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Final, Self

from models.engine.exemplars import shorten
from models.guard.injection import talks_to_a_model
from models.records import NamingRequest
from models.text.background import idf
from models.text.stems import stems, words

MAX_TITLES: Final = 16
MAX_TITLE_CHARS: Final = 120
# The titles' share of a prompt, in UTF-8 bytes: at one token for two bytes, what a small model does
# with a script it does not know, they still leave room in a context of 2,048 tokens.
MAX_TITLES_BYTES: Final = 1_000
MAX_TERMS: Final = 12
# Activities behind a term until it says what a journey is about, if they are half as many as behind
# the most frequent one.
REPEATED: Final = 3

_NUMBERED: Final = re.compile(r"\b\w*\d\w*\b")
_SPACE: Final = re.compile(r"\s+")
# Signs that only markup and chat templates need; a lone # stays ("C#").
_MARKUP: Final = str.maketrans(
    {
        "<": " ",
        ">": " ",
        "[": "(",
        "]": ")",
        "{": "(",
        "}": ")",
        "|": "/",
        "`": "'",
        '"': "'",
        "\\": "/",
    }
)
_RULER: Final = re.compile(r"#{2,}|={3,}|-{3,}|\*{2,}|_{3,}|~{3,}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a journey, made safe.

    Attributes:
        titles: Cleaned, distinct titles, newest first as they came; bounded in number and size.
        set_aside: Cleaned titles that talk to a model.
        terms: Salient terms that the titles hold, best first.
        taken: Names that the user's other journeys have.
        repeated: Stems of terms that many activities brought.
        tainted: Words, as `words` gives them, that only titles set aside hold.
    """

    titles: tuple[str, ...]
    set_aside: tuple[str, ...]
    terms: tuple[str, ...]
    taken: tuple[str, ...]
    repeated: frozenset[str]
    tainted: frozenset[str]

    @classmethod
    def of(cls, request: NamingRequest) -> Self:
        """Sort out a request."""
        titles: list[str] = []
        set_aside: list[str] = []
        left = MAX_TITLES_BYTES
        for raw in dict.fromkeys(request.titles):
            if not (title := clean(raw)) or title in titles:
                continue
            if talks_to_a_model(raw):
                set_aside.append(title)
            elif len(titles) < MAX_TITLES and (left := left - len(title.encode())) >= 0:
                titles.append(title)
        tainted = words(*set_aside) - words(*titles)
        terms = {
            clean(term): score
            for term, score in request.terms.items()
            if stems(term) and not words(term) & tainted and not talks_to_a_model(term)
        }
        counts = {term: score / idf(term) for term, score in terms.items()}
        least = max(REPEATED, max(counts.values(), default=0) / 2)
        repeated = (stems(term) for term, times in counts.items() if times >= least)
        return cls(
            titles=tuple(titles),
            set_aside=tuple(set_aside),
            terms=tuple(terms)[:MAX_TERMS],
            taken=tuple(filter(None, map(clean, request.taken))),
            repeated=frozenset().union(*repeated),
            tainted=tainted,
        )

    @property
    def needed(self) -> int:
        """Titles behind a name: one must not decide alone where there are others to measure by."""
        return 2 if len(self.titles) > 2 else 1

    @property
    def most(self) -> int:
        """Most of the titles: fewer may all be of one who wants it to be called something."""
        return len(self.titles) // 2 + 1

    @property
    def numbers(self) -> tuple[str, ...]:
        """Words with digits that as many titles hold, as they are spelled there, sorted."""
        counts = Counter(number for title in self.titles for number in set(numbered(title)))
        return tuple(sorted(number for number, times in counts.items() if times >= self.needed))


def numbered(text: str) -> list[str]:
    """The words of a text that have digits."""
    return _NUMBERED.findall(text)


def clean(text: str) -> str:
    """One line of plain text of at most 120 characters: no control signs, no markup."""
    text = unicodedata.normalize("NFKC", html.unescape(text[: 4 * MAX_TITLE_CHARS]))
    text = "".join(
        " " if _is_space(sign) else sign
        for sign in text
        if _is_space(sign) or unicodedata.category(sign)[0] not in "CZ"
    )
    text = _RULER.sub(" ", text.translate(_MARKUP))
    return shorten(_SPACE.sub(" ", text).strip(), MAX_TITLE_CHARS)


def _is_space(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign)[0] == "Z"
