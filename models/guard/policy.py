"""Which subjects are sensitive, and what becomes of a journey that is about one.

A journey is about a subject if its name touches it, or several of its titles or terms do. One title
may be there by chance: it is left out, and the journey goes on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
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
SEVERAL: Final = 2  # titles or terms that are no chance
SHARE: Final = 0.08  # of the weight of all terms, from which several of them say what it is about


@dataclass(frozen=True)
class Policy:
    """What may be shown.

    Attributes:
        categories: Subjects that no name, title or term may touch, of `CATEGORIES`.
        handling: What is published of a journey that is about one of them.
    """

    categories: frozenset[str] = CATEGORIES
    handling: Handling = "neutral"

    @property
    def withheld(self) -> frozenset[str]:
        """The categories that nothing published may touch: none where all is shown."""
        return frozenset() if self.handling == "shown" else self.categories

    def prepare(self) -> None:
        """Read the lists now, so that no user's first journey waits for them."""
        self.category("")

    def category(self, text: str) -> str | None:
        """A sensitive category that a text touches, the same one each time; None: it may be shown.

        Where nothing is withheld, no list is looked at.
        """
        if self.handling == "shown" or not (found := touched(text)):
            return None
        return min(found & self.categories, default=None)

    def subject(
        self, names: Iterable[str], titles: Iterable[str], terms: Mapping[str, float]
    ) -> str | None:
        """The sensitive category that a journey is about, if it is about one.

        Args:
            names: Those that it has or might have.
            titles: Its exemplars.
            terms: What its titles are about, with scores.
        """
        for name in names:
            if category := self.category(name):
                return category
        told = Counter(filter(None, map(self.category, titles)))
        weights: dict[str, list[float]] = {}
        for term, score in terms.items():
            if category := self.category(term):
                weights.setdefault(category, []).append(score)
        if not (told or weights):
            return None
        least = SHARE * sum(terms.values())
        said = {
            category
            for category, scores in weights.items()
            if len(scores) >= SEVERAL and sum(scores) >= least
        }
        found = said.union(category for category, titled in told.items() if titled >= SEVERAL)
        return min(
            found - {PROFANITY}, key=lambda category: (-told[category], category), default=None
        )


DEFAULT: Final = Policy()
