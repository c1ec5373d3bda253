"""The best of a model's answers: those that may be published, ranked.

What counts is for how many titles an answer holds (coverage), how much nearer it is to them than
to strangers' interests and to the user's other names (specificity), and how likely the model found
it (fluency). Without an encoder, the answer that shares words with the most titles wins.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from models.naming.answers import Policy, Refusal, check, echoes, support, tidy
from models.naming.holding import Hold, TextEncoder, holds
from models.naming.language import is_foreign, is_theirs
from models.naming.spelling import broken
from models.naming.titles import Evidence
from models.text.keywords import terms_of

# What an answer's merit is made of, beside its cosine to the titles. Chosen on the even half.
COVERAGE: Final = 0.3  # times the share of the titles that it holds for
STRANGERS: Final = 0.5  # less, times its cosine to the nearest of strangers' interests
DISTANCE: Final = 0.3  # less, times its cosine to the nearest name that the user has
FLUENCY: Final = 0.15  # times its mean log-likelihood a token
STRAYING: Final = 0.15  # less, for a word that few titles hold and the others are not near to
LONE: Final = 0.05  # less, for a word that one title alone has: "Tartine bread recipes"
ECHO: Final = 0.15  # less, for being a piece of one title and of no other: "InVision Studio"
STRAY: Final = 0.3  # cosine to the titles under which a word has little to do with them
OUTSIDE: Final = 0.2  # the same, from where it has nothing to do with them: "Banjo and the creek"
UNTOLD: Final = -1.0  # the log-likelihood where the server does not say


class Choice(NamedTuple):
    """What may be published.

    Attributes:
        names: Best first, each once.
        refused: How many answers each rule refused.
    """

    names: tuple[str, ...]
    refused: Counter[Refusal]

    @property
    def name(self) -> str | None:
        """The best name, None when no answer may be published."""
        return self.names[0] if self.names else None


class _Answer(NamedTuple):
    text: str
    likelihood: float
    times: int


def choose(
    answers: Sequence[str],
    evidence: Evidence,
    policy: Policy,
    encoder: TextEncoder | None = None,
    likelihoods: Sequence[float | None] = (),
) -> Choice:
    """Rank the answers that the guard lets pass; blocking when there is an encoder.

    Args:
        answers: What a model wrote.
        evidence: What it was asked about.
        policy: What may be published.
        encoder: Measures nearness; without it, words do.
        likelihoods: Of each answer its mean log-likelihood a token; empty where not told.
    """
    told = _told(answers, likelihoods)
    texts = [answer.text for answer in told]
    held, near = _measure(texts, evidence, encoder)
    refused: Counter[Refusal] = Counter()
    passed: list[tuple[tuple[float, int], str]] = []
    for answer, hold in zip(told, held, strict=True):
        verdict = check(answer.text, evidence, policy, hold.nearness if hold else 0.0)
        refusal = verdict.refusal or _measured(answer, texts, evidence, hold, near)
        if refusal is not None:
            refused[refusal] += 1
            continue
        merit = _merit(answer, evidence, hold, near) if hold else 0.0
        passed.append(((merit, support(answer.text, evidence)), verdict.name))
    ranked = sorted(passed, key=lambda each: each[0], reverse=True)  # of equals the first
    return Choice(tuple(dict.fromkeys(name for _, name in ranked)), refused)


def _told(answers: Sequence[str], likelihoods: Sequence[float | None]) -> list[_Answer]:
    """The answers, each once, with the best likelihood that it came with."""
    told: dict[str, _Answer] = {}
    for place, answer in enumerate(answers):
        if not (text := tidy(answer)):
            continue
        nats = likelihoods[place] if likelihoods else None
        known = told.get(text, _Answer(text, -float("inf"), 0))
        best = max(known.likelihood, UNTOLD if nats is None else nats)
        told[text] = _Answer(text, best, known.times + 1)
    return list(told.values())


def _measure(
    texts: Sequence[str], evidence: Evidence, encoder: TextEncoder | None
) -> tuple[list[Hold | None], dict[str, float]]:
    """For each answer how far it holds; for words that few titles have, how near the others are."""
    if encoder is None or not texts or not evidence.titles:
        return [None] * len(texts), {}
    holding = Counter(term for title in evidence.titles for term in terms_of(title))
    said = set().union(*map(terms_of, texts))
    few = sorted(word for word in said if holding[word] < evidence.needed)
    measured, nearness = holds(texts, evidence, encoder, few)
    return list(measured), dict(zip(few, nearness, strict=True))


def _measured(
    answer: _Answer,
    texts: Sequence[str],
    evidence: Evidence,
    hold: Hold | None,
    near: Mapping[str, float],
) -> Refusal | None:
    """Why an answer may not be published by what is known of it beside its text."""
    titles = evidence.titles
    known = list(titles)
    if is_foreign(titles):  # of their words there is no list: two answers must have one
        known += texts if answer.times > 1 else [text for text in texts if text != answer.text]
    if any(not is_theirs(word, titles) for word in broken(answer.text, known)):
        return Refusal.BROKEN
    if hold is None:
        return None
    if hold.titles < evidence.most:
        return Refusal.NARROW
    if any(near.get(word, 1.0) < OUTSIDE for word in terms_of(answer.text)):
        return Refusal.STRAY
    return Refusal.BROAD if hold.strangers > hold.nearness else None


def _merit(answer: _Answer, evidence: Evidence, hold: Hold, near: Mapping[str, float]) -> float:
    held = frozenset().union(*map(terms_of, evidence.titles))
    return (
        hold.nearness
        + COVERAGE * hold.titles / len(evidence.titles)
        - STRANGERS * hold.strangers
        - DISTANCE * hold.taken
        + FLUENCY * answer.likelihood
        - STRAYING * sum(near.get(word, 1.0) < STRAY for word in terms_of(answer.text))
        - LONE * sum(word in near and word in held for word in terms_of(answer.text))
        - ECHO * echoes(answer.text, evidence)
    )
