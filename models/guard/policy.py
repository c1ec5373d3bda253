"""Which subjects are sensitive, and what becomes of a journey that is about one.

A journey is about a subject if its name touches it, or several of its titles do. One title may be
there by chance: it is left out, and the journey goes on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from models.guard.lexicon import touched

# What is published of a sensitive journey: that there is one, under a neutral name; all of it; or
# nothing.
Handling: TypeAlias = Literal["neutral", "shown", "unpublished"]

PROFANITY: Final = "profanity"  # says nothing of what a journey is about, only how it is said
SUBJECTS: Final = frozenset(
    ("crime", "drugs", "ethnicity", "health", "politics", "religion", "self_harm", "sexuality")
)
CATEGORIES: Final = SUBJECTS | {PROFANITY}
SEVERAL: Final = 2  # titles that are no chance


@dataclass(frozen=True)
class Policy:
    """What may be shown.

    Attributes:
        categories: Subjects that no name, title or term may touch, of `CATEGORIES`.
        handling: What is published of a journey that is about one of them.
    """

    categories: frozenset[str] = CATEGORIES
    handling: Handling = "neutral"

    def category(self, text: str) -> str | None:
        """A sensitive category that a text touches, the same one each time; None: it may be shown.

        Where all is shown, there is none.
        """
        if self.handling == "shown":
            return None
        return min(touched(text) & self.categories, default=None)

    def subject(self, names: Iterable[str], titles: Iterable[str]) -> str | None:
        """The sensitive category that a journey is about, if it is about one.

        Args:
            names: Those that it has or might have.
            titles: Its exemplars.
        """
        for name in names:
            if category := self.category(name):
                return category
        found = Counter(filter(None, map(self.category, titles)))
        found.pop(PROFANITY, None)
        most = min(found, key=lambda name: (-found[name], name), default=None)
        return most if most is not None and found[most] >= SEVERAL else None


DEFAULT: Final = Policy()
