"""What a perfect clusterer would promote, and how near a found clustering comes to it.

The promotion rule is the engine's, run over labels: over the true ones it gives the journeys that
are there to be found. A found journey counts when most of its activities carry the label of such a
journey and no earlier found one claims it; a second one for the same label, or one for a label
without a journey, is a false one.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final, TypeVar

import numpy as np

from models.datasets.people import Person
from models.engine.params import EngineParams
from models.engine.windows import count_in, index_of
from models.vectors import Doubles

Label = TypeVar("Label", bound=Hashable)

FEW: Final = range(1, 4)  # the paper's survey: most people pursue one to three journeys at a time


@dataclass(frozen=True)
class Found:
    """What a method made of one person.

    Attributes:
        clusters: Cluster of each activity, as it is in the end.
        journeys: Cluster → window in which it became a journey, in the order they did.
        confidence: Cluster → how sure the method was then; empty where it does not say.
    """

    clusters: Sequence[int]
    journeys: dict[int, int]
    confidence: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    """How well a method did on people; journeys are pooled, agreement is a mean over people.

    Attributes:
        precision: Share of the found journeys that are right.
        recall: Share of the true journeys that are found.
        f1: Their harmonic mean.
        delay: Median of windows between the found and the true promotion; None without a match.
        v_measure: Of the final clusters, mean over people.
        ari: Adjusted Rand index of the final clusters, mean over people.
        journeys: Found journeys a person.
        few: Share of people with one to three journeys.
        length: Median activities of a found journey.
        weeks: Median weeks from a found journey's first to its last activity.
        items: Mean share of a true journey's activities that lie in the found one.
        exact: Share of people of whom all journeys and no others are found.
    """

    precision: float
    recall: float
    f1: float
    delay: float | None
    v_measure: float
    ari: float
    journeys: float
    few: float
    length: float
    weeks: float
    items: float
    exact: float


def promotions(
    labels: Sequence[Label],
    moments: Sequence[int],
    params: EngineParams,
    items: Sequence[str] | None = None,
) -> dict[Label, int]:
    """The promotion rule over labelled activities in time order.

    Args:
        labels: What each is about.
        moments: When, epoch ms.
        params: The rule's settings.
        items: The item of each; None: all different.

    Returns:
        Label → index of the window in which it became a journey, in the order they did.
    """
    promoted: dict[Label, int] = {}
    histories: dict[Label, dict[int, int]] = {}
    counts: Counter[Label] = Counter()
    seen: dict[Label, set[Hashable]] = {}
    for place, (label, moment) in enumerate(zip(labels, moments, strict=True)):
        window = index_of(moment, params.window_ms)
        history = histories.setdefault(label, {})
        count_in(history, window, params.history_windows)
        counts[label] += 1
        own = seen.setdefault(label, set())
        own.add(place if items is None else items[place])
        if label not in promoted and params.persists(counts[label], len(own), history, moment):
            promoted[label] = window
    return promoted


def by_rule(person: Person, clusters: Sequence[int], params: EngineParams) -> Found:
    """What a clustering finds when its clusters are promoted by the engine's rule."""
    return Found(clusters, promotions(clusters, person.moments, params, person.items))


def match(person: Person, found: Found, params: EngineParams) -> dict[int, str]:
    """The found journeys that are right: cluster → label, one to one, the earliest first."""
    true = promotions(person.labels, person.moments, params, person.items)
    inside: dict[int, Counter[str]] = {}
    for cluster, label in zip(found.clusters, person.labels, strict=True):
        inside.setdefault(cluster, Counter())[label] += 1
    matched: dict[int, str] = {}
    for cluster in found.journeys:
        labels = inside.get(cluster, Counter())
        for label, count in labels.most_common(1):
            if 2 * count > labels.total() and label in true and label not in matched.values():
                matched[cluster] = label
    return matched


def score(people: Sequence[Person], findings: Sequence[Found], params: EngineParams) -> Score:
    """Judge what a method found, person by person."""
    hits = claims = wanted = exact = 0
    delays: list[int] = []
    sizes: list[int] = []
    spans: list[float] = []
    shares: list[float] = []
    agreements = []
    for person, found in zip(people, findings, strict=True):
        true = promotions(person.labels, person.moments, params, person.items)
        matched = match(person, found, params)
        hits, claims, wanted = hits + len(matched), claims + len(found.journeys), wanted + len(true)
        exact += len(matched) == len(found.journeys) == len(true)
        delays += [found.journeys[cluster] - true[label] for cluster, label in matched.items()]
        for cluster in found.journeys:
            moments = [
                moment
                for moment, own in zip(person.moments, found.clusters, strict=True)
                if own == cluster
            ]
            sizes.append(len(moments))
            spans.append((moments[-1] - moments[0]) / params.window_ms if moments else 0.0)
        pairs = Counter(zip(found.clusters, person.labels, strict=True))
        share = {
            label: pairs[cluster, label] / person.labels.count(label)
            for cluster, label in matched.items()
        }
        shares += [share.get(label, 0.0) for label in true]
        agreements.append(agreement(person.labels, found.clusters))
    v_measures, aris = zip(*agreements, strict=True)
    return Score(
        precision=hits / max(claims, 1),
        recall=hits / max(wanted, 1),
        f1=2 * hits / max(claims + wanted, 1),
        delay=median(delays) if delays else None,
        v_measure=fmean(v_measures),
        ari=fmean(aris),
        journeys=claims / len(people),
        few=fmean(len(found.journeys) in FEW for found in findings),
        length=median(sizes) if sizes else 0.0,
        weeks=median(spans) if spans else 0.0,
        items=fmean(shares) if shares else 0.0,
        exact=exact / len(people),
    )


def agreement(labels: Sequence[Hashable], clusters: Sequence[Hashable]) -> tuple[float, float]:
    """V-measure (normalised mutual information, arithmetic mean) and adjusted Rand index."""
    table = _contingency(labels, clusters)
    rows, columns, total = table.sum(1), table.sum(0), table.sum()
    entropies = _entropy(rows) + _entropy(columns)
    mutual = entropies - _entropy(table.ravel())
    v_measure = 2 * mutual / entropies if entropies > 1e-12 else 1.0
    expected = _pairs(rows) * _pairs(columns) / max(total * (total - 1) / 2, 1.0)
    largest = (_pairs(rows) + _pairs(columns)) / 2
    same = largest - expected
    ari = (_pairs(table) - expected) / same if same > 1e-12 else 1.0
    return max(0.0, float(v_measure)), float(ari)


def _contingency(labels: Sequence[Hashable], clusters: Sequence[Hashable]) -> Doubles:
    """How many activities have each label in each cluster, shape (labels, clusters)."""
    row = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    column = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    table = np.zeros((len(row), len(column)))
    for label, cluster in zip(labels, clusters, strict=True):
        table[row[label], column[cluster]] += 1
    return table


def _entropy(counts: Doubles) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _pairs(counts: Doubles) -> float:
    return float((counts * (counts - 1)).sum() / 2)
