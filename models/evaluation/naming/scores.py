"""How good names are."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

import msgspec
import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from models.evaluation.naming.cases import Case
from models.naming.answers import Policy, check, same
from models.naming.choice import TextEncoder
from models.naming.titles import Evidence
from models.records import NamingRequest

WORDS: Final = 2  # longest n-gram of BLEU: names have two to six words


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
    """Means over journeys, 0 to 1 but for BLEU and chrF (0 to 100).

    Attributes:
        journeys: How many were named.
        own: Share named by the method; the others show their keywords.
        retrieval: Share named by the method with a name that is nearer to its journey than to 19
            of its kind.
        seen: The same of what a user sees: the keywords where the method gave no name.
        cosine: Of the name to the human's.
        bleu: SacreBLEU of one and two words against the human's name, in lower case.
        chrf: chrF against the human's name, in lower case.
        well_formed: Share of the method's names that the guard lets pass.
        distinct: Share of pairs of a user's names that no reader would take for one.
    """

    journeys: int
    own: float
    retrieval: float
    seen: float
    cosine: float
    bleu: float
    chrf: float
    well_formed: float
    distinct: float


def score(users: Sequence[Sequence[Named]], encoder: TextEncoder) -> Score:
    """Judge the names of users' journeys; blocking."""
    whole = [named for user in users for named in user]
    names = [named.name for named in whole]
    human = [named.case.group.name for named in whole]
    hits = picked(whole, encoder)
    cosines = (encoder.encode(names) * encoder.encode(human)).sum(axis=1)
    pairs = [(one.name, other.name) for user in users for one, other in combinations(user, 2)]
    return Score(
        journeys=len(whole),
        own=_share([named.own for named in whole]),
        retrieval=_share([right and named.own for named, right in zip(whole, hits, strict=True)]),
        seen=_share(hits),
        cosine=float(cosines.mean()),
        bleu=BLEU(lowercase=True, max_ngram_order=WORDS).corpus_score(names, [human]).score,
        chrf=CHRF(lowercase=True).corpus_score(names, [human]).score,
        well_formed=_share([_is_well_formed(named) for named in whole if named.own]),
        distinct=_share([not same(one, other) for one, other in pairs]),
    )


def picked(whole: Sequence[Named], encoder: TextEncoder) -> list[bool]:
    """For each name whether its own journey is the nearest."""
    vectors = encoder.encode([named.name for named in whole])
    return [
        int(np.argmax(named.case.among @ vector)) == 0
        for named, vector in zip(whole, vectors, strict=True)
    ]


def _is_well_formed(named: Named) -> bool:
    verdict = check(named.name, Evidence.of(named.request), Policy(), similarity=1.0)
    return verdict.refusal is None


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 1.0
