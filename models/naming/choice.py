"""The best of a model's answers: near to the titles, far from the user's other names.

Also without an encoder: then the answer that shares words with the most titles wins.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.naming.guard import Policy, Refusal, check, support, tidy
from models.naming.titles import Evidence


class TextEncoder(Protocol):
    """What is needed of an encoder (models/encoder.py)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (len(texts), dimensions); blocking."""


class Choice(NamedTuple):
    """The name, None when no answer may be published; and how many answers each rule refused."""

    name: str | None
    refused: Counter[Refusal]


def choose(answers: Sequence[str], evidence: Evidence, policy: Policy,
           encoder: TextEncoder | None = None) -> Choice:
    """Take the best answer that the guard lets pass; blocking when there is an encoder."""
    answers = list(dict.fromkeys(filter(None, map(tidy, answers))))
    nearness, distance = _measure(answers, evidence, encoder)
    verdicts = [check(answer, evidence, policy, similarity)
                for answer, similarity in zip(answers, nearness, strict=True)]
    refused = Counter(verdict.refusal for verdict in verdicts if verdict.refusal is not None)

    def merit(place: int) -> tuple[float, int]:
        return nearness[place] + distance[place], support(answers[place], evidence)

    passed = [place for place, verdict in enumerate(verdicts) if verdict.refusal is None]
    best = max(passed, key=merit, default=None)
    return Choice(None if best is None else verdicts[best].name, refused)


def _measure(answers: Sequence[str], evidence: Evidence,
             encoder: TextEncoder | None) -> tuple[list[float], list[float]]:
    """For each answer: its cosine to the titles, and 1 less its cosine to the nearest taken name.

    The title nearest to an answer does not count, so that a title which the model merely repeats
    (or obeys) does not speak for it.
    """
    if encoder is None or not answers:
        return [0.0] * len(answers), [0.0] * len(answers)
    titles = list(evidence.titles)
    vectors = encoder.encode([*titles, *evidence.taken, *answers])
    about, taken, named = np.split(vectors, [len(titles), len(titles) + len(evidence.taken)])
    to_titles = named @ about.T
    nearness = []
    for row, vector in zip(to_titles, named, strict=True):
        others = np.delete(about, int(row.argmax()), 0) if len(titles) > 2 else about
        centre = others.mean(axis=0)
        nearness.append(float(centre @ vector / max(float(np.linalg.norm(centre)), 1e-6)))
    to_taken = (named @ taken.T).max(axis=1, initial=0.0)
    return nearness, [float(value) for value in 1 - to_taken]
