"""The inner loops of the clusterer, compiled (numba): a user's clusters against one vector.

Scores are log-likelihood ratios: "these activities are one interest" against "they are two", for
spherical Gaussians with one variance between interests and one within (probabilistic linear
discriminant analysis, Ioffe 2006, with two scalars for covariances). A young cluster's centre is
uncertain, and the score says by how much; a plain cosine threshold cannot.

Two things are taken from the user's own clusters, drawn towards what is usual as long as little is
known of the user. What all of their interests share is no evidence for any one of them: vectors are
taken relative to the user's own mean. And interests may be tighter than usual: how much the
activities of one interest scatter is estimated as they come (empirical Bayes).

Times are epoch ms; n_clusters rows of the arrays are in use.
"""

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numpy as np
from numba import njit

from models.engine.params import Scale
from models.vectors import Doubles, Floats

WEEK_MS: Final = 604_800_000.0

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """Compile with sums in any order, so that they vectorise; the order is fixed once compiled."""
    fast = {"reassoc", "contract", "nsz", "arcp"}  # NaN and infinity keep their meaning
    return _kept(function, fastmath=fast)


def _exactly(function: _Function) -> _Function:
    """Compile with every operation as it is written: rounding is the point."""
    return _kept(function)


def _kept(function: _Function, **options: Any) -> _Function:
    """Compile, and keep it on disk for the next process, where there is a place for that.

    A user without a home who cannot write here has none, unless NUMBA_CACHE_DIR names one.
    """
    try:
        return cast(_Function, njit(cache=True, nogil=True, **options)(function))
    except RuntimeError:  # numba's word for it
        return cast(_Function, njit(nogil=True, **options)(function))


# Bounds of the variance within a user's interests. The estimate of it is linear in their scatter
# and would leave the variances' range: below 0 for one who sees the same titles again and again,
# above 1 (none left between interests) for one whose clusters are all mixed.
_LEAST_WITHIN: Final = 0.3
_MOST_WITHIN: Final = 0.95

_USUAL_CLUSTERS: Final = 20.0  # of more, the best match is good by chance (`Scale.choices`)
_GROWN: Final = 3.0  # activities from which on a cluster is more than chance

# The grid that means lie on: whole multiples, up to 127 (a signed byte), of a power of two. The
# least power is there for a mean of nothing but zeros; that of any other lies far above it.
LEVELS: Final = 128
LEAST_EXPONENT: Final = -60

# How the rounding turns from part to part and from time to time: multiples of these, modulo 1,
# spread evenly (the inverses of the golden ratio and of the plastic number).
_BY_PART: Final = 0.6180339887498949
_BY_TIME: Final = 0.7548776662466927
_UNDER_ONE: Final = 1.0 - 2.0**-30  # what lies on the grid is never rounded up


@_compiled
def _within(k: Scale, mass: Doubles, square: Doubles, size: int) -> float:
    """Variance W within this user's interests, of unit vectors.

        W = 1 - between + gain (s - usual)
        s = (trust usual + sum n (1 - |m|^2)) / (trust + sum (n - 1))

    over the clusters of more than one activity: n their masses, m their means. s is the scatter
    that they show, as an unbiased estimate drawn towards the usual one; W is kept within bounds.
    """
    scatter, freedom = k.trust * k.usual, k.trust
    for row in range(size):
        if mass[row] > 1.0:
            scatter += mass[row] * (1.0 - square[row])
            freedom += mass[row] - 1.0
    within = 1.0 - k.between + k.gain * (scatter / freedom - k.usual)
    return min(max(within, _LEAST_WITHIN), _MOST_WITHIN)


@_compiled
def _ratio(
    k: Scale, within: float, n1: float, q1: float, n2: float, q2: float, dot: float
) -> float:
    """Log-likelihood ratio of one interest against two, in nats.

    Probabilistic linear discriminant analysis (Ioffe 2006) with two scalars for covariances. In D
    effective dimensions, an interest's centre y and an activity x of it are

        y ~ N(0, B/D I),    x | y ~ N(y, W/D I),    B + W = 1,

    since x has unit length. Of the larger group, n1 activities with mean m1, follows where its
    centre lies (`pull` is a, `known` is n1 B + W):

        y | m1 ~ N(a m1, V/D I),    a = n1 B / (n1 B + W),    V = B W / (n1 B + W).

    The mean m2 of the smaller group's n2 activities is off its own centre by the variance N/D
    (`noise`), of which a part stays however large the group is:

        N = spread B + W / n2.

    If both are one interest, m2 ~ N(a m1, S/D I) with S = V + N (`same`); if they are two,
    m2 ~ N(0, A/D I) with A = B + N (`apart`). The logarithm of the ratio of the two densities is

        D/2 (ln(A / S) + |m2|^2 / A - |m2 - a m1|^2 / S).

    No variance is 0: W and B have bounds, and n1 and n2 are positive.

    Args:
        k: Parameters; of these D = `dimensions` and `spread`.
        within: W, the variance within this user's interests.
        n1: Activities (decayed mass) in the larger group.
        q1: |m1|^2, its mean's squared norm, relative to the user's mean.
        n2: Activities in the smaller group.
        q2: |m2|^2.
        dot: m1 · m2.
    """
    between = 1.0 - within
    known = n1 * between + within
    pull = n1 * between / known
    noise = k.spread * between + within / n2
    same = between * within / known + noise
    apart = between + noise
    distance = q2 - 2.0 * pull * dot + pull * pull * q1
    return 0.5 * k.dimensions * (math.log(apart / same) + q2 / apart - distance / same)


@_compiled
def _bar(k: Scale, mass: Doubles, size: int) -> float:
    """Nats more that a user with these clusters asks for, 0 or more.

        choices max(0, ln((K + choices_from) / (20 + choices_from)))
        + crowd max(0, ln(G / crowd_from))

    with K clusters, G of them grown. A user with few is asked for no less than usual.
    """
    grown = 0
    for row in range(size):
        if mass[row] >= _GROWN:
            grown += 1
    return k.choices * max(
        0.0, math.log((size + k.choices_from) / (_USUAL_CLUSTERS + k.choices_from))
    ) + k.crowd * max(0.0, math.log(max(grown, 1) / k.crowd_from))


@_compiled
def _centre(k: Scale, means: Floats, mass: Doubles, size: int) -> Floats:
    """The user's mean: clusters weigh by the root of their mass, so that none drowns the others."""
    dimensions = means.shape[1]
    centre = np.zeros(dimensions, np.float32)
    total = k.shrink
    for row in range(size):
        weight = math.sqrt(mass[row])
        total += weight
        share = np.float32(weight)
        for j in range(dimensions):
            centre[j] += share * means[row, j]
    scale = np.float32(1.0 / total)
    for j in range(dimensions):
        centre[j] *= scale
    return centre


@_compiled
def _dot(left: Floats, right: Floats) -> float:
    total = np.float32(0.0)
    for j in range(left.shape[0]):
        total += left[j] * right[j]
    return float(total)


@_exactly
def learn(
    means: Floats, square: Doubles, row: int, mean: Floats, share: float, turn: float
) -> None:
    """Move a row's mean towards another by a share, onto what 8 bits a part can hold.

    Steps of a large cluster's mean are smaller than the grid's. So that they are not lost, numbers
    are rounded up as often as their place between two grid points says (dithering), by turns that
    follow from the state alone. What lies on the grid stays where it is.

    Args:
        means: Changed in place.
        square: Squared norm of each mean; changed in place.
        row: Which; all zeros when new.
        mean: Where to, shape (dimensions,).
        share: How far, 0 to 1.
        turn: Another number each time.
    """
    part = np.float32(share)
    largest = 0.0
    for j in range(mean.shape[0]):
        means[row, j] += part * (mean[j] - means[row, j])
        largest = max(largest, abs(means[row, j]))
    exponent = max(math.frexp(largest / LEVELS)[1], LEAST_EXPONENT)
    step, inverse = math.ldexp(1.0, exponent), math.ldexp(1.0, -exponent)
    for j in range(mean.shape[0]):
        up = turn * _BY_TIME + j * _BY_PART
        up = (up - math.floor(up)) * _UNDER_ONE
        level = math.floor(means[row, j] * inverse + up)
        level = min(max(level, 1.0 - LEVELS), LEVELS - 1.0)  # -LEVELS would have another exponent
        means[row, j] = np.float32(level * step)
    square[row] = _dot(means[row], means[row])


@_compiled
def nearest(
    scale: Any,
    means: Floats,
    mass: Doubles,
    square: Doubles,
    touched: Doubles,
    size: int,
    vector: Floats,
    moment: float,
) -> tuple[int, float, float]:
    """The cluster that a vector most likely belongs to.

    The score is `_ratio`, less recency ln(1 + silence / recency_weeks), `match` and `_bar`.

    Args:
        scale: `Scale.packed()`.
        means: Means of the clusters' unit vectors, shape (capacity, dimensions).
        mass: Decayed number of activities of each, shape (capacity,).
        square: Squared norm of each mean.
        touched: When each was active last.
        size: Clusters in use, at least one.
        vector: Unit vector, shape (dimensions,).
        moment: Its time.

    Returns:
        Row, score (above 0: it belongs there rather than to none), cosine to that mean.
    """
    k = scale[0]
    centre = _centre(k, means, mass, size)
    own = _dot(centre, centre)
    within = _within(k, mass, square, size)
    offset = _dot(vector, centre)
    apart = 1.0 - 2.0 * offset + own
    best, closest, cosine = -math.inf, 0, 0.0
    for row in range(size):
        dot = _dot(means[row], vector)
        shared = _dot(means[row], centre)
        score = _ratio(
            k,
            within,
            mass[row],
            square[row] - 2.0 * shared + own,
            1.0,
            apart,
            dot - shared - offset + own,
        )
        age = max(0.0, moment - touched[row]) / WEEK_MS
        score -= k.recency * math.log1p(age / k.recency_weeks)
        if score > best:
            best, closest = score, row
            cosine = dot / math.sqrt(square[row]) if square[row] > 0.0 else 0.0
    return closest, best - k.match - _bar(k, mass, size), cosine


@_compiled
def most_alike(
    scale: Any, means: Floats, mass: Doubles, square: Doubles, size: int, row: int
) -> tuple[int, float]:
    """The cluster that is most likely the same interest as the one in `row`.

    The score is `_ratio`, less `merge` and `_bar`.

    Returns:
        Its row and the score; above 0 they are one interest rather than two.
    """
    k = scale[0]
    centre = _centre(k, means, mass, size)
    own = _dot(centre, centre)
    within = _within(k, mass, square, size)
    mine = _dot(means[row], centre)
    best, twin = -math.inf, row
    for other in range(size):
        if other == row:
            continue
        theirs = _dot(means[other], centre)
        dot = _dot(means[row], means[other]) - mine - theirs + own
        n1, q1 = mass[row], square[row] - 2.0 * mine + own
        n2, q2 = mass[other], square[other] - 2.0 * theirs + own
        if n2 > n1:
            n1, q1, n2, q2 = n2, q2, n1, q1
        score = _ratio(k, within, n1, q1, n2, q2, dot)
        if score > best:
            best, twin = score, other
    return twin, best - k.merge - _bar(k, mass, size)


@_compiled
def rank(means: Floats, square: Doubles, strength: Doubles, wanted: int) -> int:
    """Place of a cluster when the strongest comes first and what is like it waits.

    Maximal marginal relevance (Carbonell and Goldstein 1998), as a product: the next is the one
    whose strength, times its distance from the most alike that came before, is greatest.

    Args:
        means: Of the clusters to be ranked, shape (n, dimensions).
        square: Squared norm of each mean.
        strength: Of each; greater than 0.
        wanted: Whose place, as a row.

    Returns:
        Its place; the first is 1.
    """
    size: int = means.shape[0]
    alike = np.zeros(size)
    left = np.ones(size, np.bool_)
    for place in range(size):
        best, first = -1.0, wanted
        for row in range(size):
            worth = strength[row] * (1.0 - alike[row])
            if left[row] and worth > best:
                best, first = worth, row
        if first == wanted:
            return place + 1
        left[first] = False
        for row in range(size):
            norm = math.sqrt(square[row] * square[first])
            if left[row] and norm > 0.0:
                alike[row] = min(1.0, max(alike[row], _dot(means[row], means[first]) / norm))
    return size
