"""How good names are."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final, NamedTuple

import msgspec
import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from models.evaluation.naming.cases import Case
from models.evaluation.naming.unseen import Unseen
from models.naming.answers import Policy, check, same
from models.naming.titles import Evidence
from models.records import NamingRequest

WORDS: Final = 2  # longest n-gram of BLEU: names have two to six words
SURE: Final = 1.96  # standard errors of a mean on either side: 95 % of them


class Named(NamedTuple):
    """A journey with the name that a user would see.

    Attributes:
        case: The journey.
        request: What was asked.
        name: The name; its keywords when the method gave none.
        own: Whether the method gave it.
    """

    case: Case
    request: NamingRequest
    name: str
    own: bool


class Score(msgspec.Struct, frozen=True):
    """Means over journeys; the judge is `Unseen`'s encoder. 0 to 1 where nothing else is said.

    Attributes:
        journeys: How many were named.
        own: Share named by the method; the others show their keywords.
        unseen: Share of a journey's unseen titles that are nearest to its name among twenty of its
            kind; 0 where the method gave no name.
        error: Half the 95 % confidence interval of `unseen`, over journeys.
        shown: As `unseen`, of what a user sees: the keywords where the method gave no name.
        fits: How many of the twenty journeys the name fits as well as its own, itself among them.
        margin: Mean cosine of the name to its unseen titles less that to the next best journey's.
        cosine: Of the name to the nearest of the humans' names.
        bleu: SacreBLEU of one and two words against the humans' names, in lower case; 0 to 100.
        chrf: chrF, likewise.
        fluency: A language model's mean log-probability of the name's tokens, natural; None where
            none was asked.
        well_formed: Share of the method's names that the guard lets pass.
        distinct: Share of pairs of a user's names that no reader would take for one.
    """

    journeys: int
    own: float
    unseen: float
    error: float
    shown: float
    fits: float
    margin: float
    cosine: float
    bleu: float
    chrf: float
    fluency: float | None
    well_formed: float
    distinct: float


def score(
    users: Sequence[Sequence[Named]], judge: Unseen, fluency: Mapping[str, float] | None = None
) -> Score:
    """Judge the names of users' journeys; blocking.

    Args:
        users: Their journeys, named by one method.
        judge: Knows the unseen titles.
        fluency: Of each name; None: it is not known.
    """
    whole = [named for user in users for named in user]
    names = [named.name for named in whole]
    fits = judge.fits([named.case for named in whole], names)
    found = np.array([fit.found for fit in fits])
    own = found * [named.own for named in whole]
    references = _references(whole)
    pairs = [(one.name, other.name) for user in users for one, other in combinations(user, 2)]
    return Score(
        journeys=len(whole),
        own=_share([named.own for named in whole]),
        unseen=float(own.mean()),
        error=SURE * float(own.std()) / max(len(whole) - 1, 1) ** 0.5,
        shown=float(found.mean()),
        fits=float(np.mean([fit.fits for fit in fits])),
        margin=float(np.mean([fit.margin for fit in fits])),
        cosine=_nearness(whole, judge),
        bleu=BLEU(lowercase=True, max_ngram_order=WORDS).corpus_score(names, references).score,
        chrf=CHRF(lowercase=True).corpus_score(names, references).score,
        fluency=None if fluency is None else float(np.mean([fluency[name] for name in names])),
        well_formed=_share([_is_well_formed(named) for named in whole if named.own]),
        distinct=_share([not same(one, other) for one, other in pairs]),
    )


def _references(whole: Sequence[Named]) -> list[list[str]]:
    """The humans' names as sacrebleu wants them: all first ones, all second ones and so on."""
    most = max(len(named.case.humans) for named in whole)
    padded = [[*named.case.humans, *[named.case.humans[0]] * most][:most] for named in whole]
    return list(map(list, zip(*padded, strict=True)))


def _nearness(whole: Sequence[Named], judge: Unseen) -> float:
    names = judge.encoder.encode([named.name for named in whole])
    humans = [judge.encoder.encode(named.case.humans) for named in whole]
    return float(np.mean([(own @ name).max() for own, name in zip(humans, names, strict=True)]))


def _is_well_formed(named: Named) -> bool:
    verdict = check(named.name, Evidence.of(named.request), Policy(), similarity=1.0)
    return verdict.refusal is None


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 1.0
