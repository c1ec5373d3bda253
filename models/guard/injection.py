"""Does a title talk to a language model ("ignore all previous instructions …") and not to a reader?

A list of patterns (`injection.txt`), so it does not catch everything. It need not: a name must be
backed by several titles (models/naming/answers.py), so one that slips through decides nothing. A
harmless title that it does catch (about two in ten thousand) costs nothing but that title.
"""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import re2

_SPACE: Final = re.compile(r"[^\S\n]+")  # a line break may begin a forged turn of a chat
_SPACED_OUT: Final = re.compile(r"\b(?:\w[ .\-_*]){4,}\w\b")
# Letters and digits that stand in for others to get a word past a filter.
_LOOKALIKES: Final = str.maketrans(
    "аеорсухіѕԁӏтмнквαερονιτυ01345$@", "aeopcyxisdltmhkbaepovituoieassa"
)
_LOOKAROUND: Final = re.compile(r"\(\?<?!(?:[^()\\]|\\.)*\)")
_TAGS: Final = re.compile("[\U000e0000-\U000e007f]")  # letters of plane 14 that nobody sees


@lru_cache(maxsize=16_384)
def talks_to_a_model(text: str) -> bool:
    """Whether a text addresses a language model; hidden, lookalike and s p a c e d words count."""
    plain = text
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", text).replace("’", "'")
        if _TAGS.search(plain):
            return True
        plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    plain = _SPACE.sub(" ", plain)
    folded = plain.lower().translate(_LOOKALIKES)
    joined = _SPACED_OUT.sub(lambda match: re.sub(r"[ .\-_*]", "", match.group()), folded)
    return any(map(_matches, dict.fromkeys((plain, folded, joined))))


def _matches(form: str) -> bool:
    """Whether a pattern is in a text; the automaton says of most at once that none is.

    It knows ASCII letters alone, so that it would miss the end of another word.
    """
    if form.isascii() and _automaton().search(form) is None:
        return False
    return _pattern().search(form) is not None


@cache
def _automaton() -> Any:
    """What matches wherever a pattern does, and perhaps elsewhere: it cannot look around."""
    options = re2.Options()
    options.case_sensitive, options.dot_nl, options.never_capture = False, True, True
    options.max_mem = 64 << 20
    return re2.compile(_LOOKAROUND.sub("", _pattern().pattern), options)


@cache
def _pattern() -> re.Pattern[str]:
    parts: dict[str, str] = {}
    patterns = []
    for line in Path(__file__).with_suffix(".txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        name, defines, part = line.partition(" := ")
        if defines:
            parts[name] = part
        else:
            patterns.append(re.sub(r"<([A-Z]+)>", lambda match: parts[match[1]], line))
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)
