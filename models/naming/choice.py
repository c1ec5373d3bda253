"""The best of a model's answers: near to the titles, far from the user's other names.

Also without an encoder: then the answer that shares words with the most titles wins.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from models.naming.answers import Policy, Refusal, check, echoes, support, tidy
from models.naming.titles import Evidence
from models.text.background import is_known
from models.text.keywords import terms_of
from models.vectors import Floats, Vector

# What an answer's merit loses, its cosine to the titles being what it has:
DISTANCE: Final = 0.3  # times its cosine to the nearest name that the user has
STRAYING: Final = 0.15  # for a word that titles neither hold nor are near to: "System for the Boss"
ECHO: Final = 0.15  # for being a piece of one title and of no other: "InVision Studio"
STRAY: Final = 0.15  # cosine to the titles under which a word has nothing to do with them


class TextEncoder(Protocol):
    """What is needed of an encoder (models/encoders/encoder.py)."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit rows, shape (len(texts), dimensions); blocking."""


class Choice(NamedTuple):
    """The name, None when no answer may be published; and how many answers each rule refused."""

    name: str | None
    refused: Counter[Refusal]


def choose(
    answers: Sequence[str], evidence: Evidence, policy: Policy, encoder: TextEncoder | None = None
) -> Choice:
    """Take the best answer that the guard lets pass; blocking when there is an encoder."""
    answers = list(dict.fromkeys(filter(None, map(tidy, answers))))
    nearness, merits = _measure(answers, evidence, encoder)
    verdicts = [
        check(answer, evidence, policy, similarity)
        for answer, similarity in zip(answers, nearness, strict=True)
    ]
    refused = Counter(verdict.refusal for verdict in verdicts if verdict.refusal is not None)
    passed = [place for place, verdict in enumerate(verdicts) if verdict.refusal is None]
    best = max(
        passed, key=lambda place: (merits[place], support(answers[place], evidence)), default=None
    )
    return Choice(None if best is None else verdicts[best].name, refused)


def _measure(
    answers: Sequence[str], evidence: Evidence, encoder: TextEncoder | None
) -> tuple[list[float], list[float]]:
    """For each answer its cosine to the titles, and its merit.

    The titles nearest to an answer, almost half of them, do not count, so that those which the
    model merely repeats (or obeys) do not speak for it.
    """
    if encoder is None or not answers:
        return [0.0] * len(answers), [0.0] * len(answers)
    titles, said = list(evidence.titles), [terms_of(answer) for answer in answers]
    new = sorted(set().union(*said) - _held(evidence))
    vectors = encoder.encode([*titles, *evidence.taken, *answers, *new])
    ends = np.cumsum([len(titles), len(evidence.taken), len(answers)])
    about, taken, named, alone = np.split(vectors, ends)
    centre = about.sum(axis=0)
    strays = {
        word
        for word, vector in zip(new, alone, strict=True)
        if not is_known(word) or _cosine(centre, vector) < STRAY
    }
    to_titles, to_taken = named @ about.T, (named @ taken.T).max(axis=1, initial=0.0)
    nearness, merits = [], []
    for place, vector in enumerate(named):
        # Fewer than most: what is left has a say.
        nearest = np.argsort(-to_titles[place], kind="stable")[: len(titles) - evidence.most]
        others = np.delete(about, nearest, 0)
        nearness.append(_cosine(others.sum(axis=0), vector))
        merits.append(
            nearness[-1]
            - DISTANCE * float(to_taken[place])
            - STRAYING * len(strays.intersection(said[place]))
            - ECHO * echoes(answers[place], evidence)
        )
    return nearness, merits


def _held(evidence: Evidence) -> set[str]:
    """The terms that titles hold."""
    return set(evidence.terms).union(*map(terms_of, evidence.titles))


def _cosine(some: Vector, unit: Vector) -> float:
    return float(some @ unit / max(float(np.linalg.norm(some)), 1e-6))
