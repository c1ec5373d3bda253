"""Does a title talk to a language model ("ignore all previous instructions …") and not to a reader?

A list of patterns (`injection.txt`), so it does not catch everything. It need not: a name must be
backed by several titles (models/naming/answers.py), so one that slips through decides nothing. A
harmless title that it does catch (about two in ten thousand) costs nothing but that title.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

_SPACE: Final = re.compile(r"[^\S\n]+")  # a line break may begin a forged turn of a chat
_SPACED_OUT: Final = re.compile(r"\b(?:\w[ .\-_*]){4,}\w\b")
# Letters and digits that stand in for others to get a word past a filter.
_LOOKALIKES: Final = str.maketrans(
    "аеорсухіѕԁӏтмнквαερονιτυ01345$@", "aeopcyxisdltmhkbaepovituoieassa"
)
_TAGS: Final = re.compile("[\U000e0000-\U000e007f]")  # letters of plane 14 that nobody sees


def talks_to_a_model(text: str) -> bool:
    """Whether a text addresses a language model; hidden, lookalike and s p a c e d words count."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    if _TAGS.search(plain):
        return True
    plain = "".join(sign for sign in plain if unicodedata.category(sign) != "Cf")
    plain = _SPACE.sub(" ", plain)
    folded = plain.lower().translate(_LOOKALIKES)
    joined = _SPACED_OUT.sub(lambda match: re.sub(r"[ .\-_*]", "", match.group()), folded)
    return any(_pattern().search(form) for form in dict.fromkeys((plain, folded, joined)))


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
