"""Which titles a name holds for, and whether it holds for strangers' titles as well.

Title by title: one is about a name if it has most of its words, or if it is nearer to it than
nearly all titles of a fixed background are. So a name that says little, near to everything, holds
for nothing; and what counts as near is found anew for each name, whatever the encoder.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import numpy as np

from models.naming.examples import subjects
from models.naming.language import shares
from models.naming.titles import Evidence
from models.text.keywords import terms_of
from models.vectors import Floats, Vector

RARE: Final = 0.9  # share of the background that a title must be nearer than
ALIKE: Final = 0.4  # cosine to the titles from which a stranger's interest is the same one
MOST_WORDS: Final = 0.5  # share of a name's words with which a title is about it


class TextEncoder(Hashable, Protocol):
    """What is needed of an encoder (models/encoders/encoder.py)."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit rows, shape (len(texts), dimensions); blocking."""


class Hold(NamedTuple):
    """How far a name holds.

    Attributes:
        titles: For how many titles.
        nearness: Cosine to the titles without those nearest to it, so that what a model merely
            repeats (or obeys) does not speak for it.
        strangers: Cosine to the nearest of the interests that have nothing to do with the user.
        taken: Cosine to the nearest of the user's other names.
    """

    titles: int
    nearness: float
    strangers: float
    taken: float


def holds(
    names: Sequence[str], evidence: Evidence, encoder: TextEncoder, words: Sequence[str] = ()
) -> tuple[list[Hold], list[float]]:
    """How far names hold; blocking.

    Args:
        names: One or more.
        evidence: Of the journey.
        encoder: Measures nearness.
        words: Folded words.

    Returns:
        Of each name how far it holds; of each word its cosine to the titles that do not have it.
    """
    titles = list(evidence.titles)
    vectors = encoder.encode([*titles, *evidence.taken, *names, *words])
    ends = np.cumsum([len(titles), len(evidence.taken), len(names)])
    about, taken, named, alone = np.split(vectors, ends)
    background, subject = _strangers(encoder, about.sum(axis=0))
    found = []
    for name, vector in zip(names, named, strict=True):
        to_titles = about @ vector
        bound = float(np.quantile(background @ vector, RARE))
        near = to_titles > bound
        worded = np.array([share >= MOST_WORDS for share in shares(name, evidence.titles)], bool)
        # Fewer than most: what is left has a say.
        nearest = np.argsort(-to_titles, kind="stable")[: len(titles) - evidence.most]
        rest = np.delete(about, nearest, 0)
        found.append(
            Hold(
                titles=int((near | worded).sum()),
                nearness=_cosine(rest.sum(axis=0), vector),
                strangers=float((subject @ vector).max()),
                taken=float((taken @ vector).max(initial=0.0)),
            )
        )
    lacking = [[word not in terms_of(title) for title in titles] for word in words]
    return found, [
        _cosine(about[where if any(where) else ...].sum(axis=0), vector)
        for where, vector in zip(lacking, alone, strict=True)
    ]


def _cosine(some: Vector, unit: Vector) -> float:
    """Of a vector to a unit one."""
    return float(some @ unit / max(float(np.linalg.norm(some)), 1e-6))


def _strangers(encoder: TextEncoder, own: Vector) -> tuple[Floats, Floats]:
    """The titles of strangers' interests, and the centre of each of them; unit rows."""
    titles, centres = _subjects(encoder)
    strange = [_cosine(own, centre) < ALIKE for centre in centres]
    if not any(strange):
        strange = [True] * len(centres)
    kept = [part for part, is_strange in zip(titles, strange, strict=True) if is_strange]
    return np.concatenate(kept), centres[strange]


@lru_cache(maxsize=4)
def _subjects(encoder: TextEncoder) -> tuple[list[Floats], Floats]:
    """The titles of each of the prompt's examples, and their centres."""
    groups = subjects()
    vectors = encoder.encode([title for group in groups for title in group])
    parts = np.split(vectors, np.cumsum([len(group) for group in groups])[:-1])
    centres = np.stack([part.mean(axis=0) for part in parts])
    return parts, centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
