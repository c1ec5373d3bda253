"""The inner loops of the clusterer, compiled (numba): a user's clusters against one vector.

Scores are log-likelihood ratios: "these activities are one interest" against "they are two", for
spherical Gaussians with one variance between interests and one within (probabilistic linear
discriminant analysis, Ioffe 2006, with two scalars for covariances). A young cluster's centre is
uncertain, and the score says by how much; a plain cosine threshold cannot.

Two things are taken from the user's own clusters, drawn towards what is usual as long as little is
known of the user. What all of their interests share is no evidence for any one of them: vectors are
taken relative to the user's own mean. And interests may be tighter than usual: how much the
activities of one interest scatter is estimated as they come (empirical Bayes).

Means are whole numbers (`grid.py`), and a table has the products of all pairs of them. The user's
mean is a weighted sum of theirs, so whatever is asked of it follows from the table: an activity
costs two passes over the means, its vector's products and the changed mean's, and a twin none.

Columns hold what else is known of each row, by the names below. Times are epoch ms; `size` rows of
the arrays are in use.
"""

import math
from typing import Any, Final

import numpy as np

from models.engine.arithmetic import compiled, fading, log
from models.engine.grid import VECTOR_STEP, product, quantised, settle, tabulate
from models.engine.params import Scale
from models.vectors import Doubles, Levels, Table, Vector

WEEK_MS: Final = 604_800_000.0

# Columns: the number of a row's activities, decayed to `TOUCHED`; the sum of their weights, decayed
# likewise; the event time of the latest; the squared norm of the mean; the step of its grid;
# whether it is a journey, 0 or 1.
MASS: Final = 0
WEIGHT: Final = 1
TOUCHED: Final = 2
SQUARE: Final = 3
STEP: Final = 4
JOURNEY: Final = 5
N_COLUMNS: Final = 6

# Bounds of the variance within a user's interests. The estimate of it is linear in their scatter
# and would leave the variances' range: below 0 for one who sees the same titles again and again,
# above 1 (none left between interests) for one whose clusters are all mixed.
_LEAST_WITHIN: Final = 0.3
_MOST_WITHIN: Final = 0.95

_USUAL_CLUSTERS: Final = 20.0  # of more, the best match is good by chance (`Scale.choices`)
_GROWN: Final = 3.0  # activities from which on a cluster is more than chance


@compiled
def _within(k: Scale, columns: Doubles, size: int) -> float:
    """Variance W within this user's interests, of unit vectors.

        W = 1 - between + gain (s - usual)
        s = (trust usual + sum n (1 - |m|^2)) / (trust + sum (n - 1))

    over the clusters of more than one activity: n their masses, m their means. s is the scatter
    that they show, as an unbiased estimate drawn towards the usual one; W is kept within bounds.
    """
    scatter, freedom = k.trust * k.usual, k.trust
    for row in range(size):
        mass = columns[MASS, row]
        if mass > 1.0:
            scatter += mass * (1.0 - columns[SQUARE, row])
            freedom += mass - 1.0
    within = 1.0 - k.between + k.gain * (scatter / freedom - k.usual)
    return min(max(within, _LEAST_WITHIN), _MOST_WITHIN)


@compiled
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
    return 0.5 * k.dimensions * (log(apart / same) + q2 / apart - distance / same)


@compiled
def _bar(k: Scale, columns: Doubles, size: int) -> float:
    """Nats more that a user with these clusters asks for, 0 or more.

        choices max(0, ln((K + choices_from) / (20 + choices_from)))
        + crowd max(0, ln(G / crowd_from))

    with K clusters, G of them grown. A user with few is asked for no less than usual.
    """
    grown = 0
    for row in range(size):
        if columns[MASS, row] >= _GROWN:
            grown += 1
    return k.choices * max(
        0.0, log((size + k.choices_from) / (_USUAL_CLUSTERS + k.choices_from))
    ) + k.crowd * max(0.0, log(max(grown, 1) / k.crowd_from))


@compiled
def _shared(k: Scale, table: Table, columns: Doubles, size: int) -> tuple[Doubles, Doubles, float]:
    """What the clusters share: their products with the user's mean.

    In the user's mean clusters weigh by the root of their mass, so that none drowns the others.

    Returns:
        Each cluster's weight in it, each mean's product with it, its squared norm.
    """
    weights, total = np.empty(size), k.shrink
    for row in range(size):
        weights[row] = math.sqrt(columns[MASS, row])
        total += weights[row]
    for row in range(size):
        weights[row] /= total
    shared = np.zeros(size)
    for other in range(size):
        weight = weights[other] * columns[STEP, other]
        products = table[other]
        for row in range(size):  # each sum has its own order, whatever is done side by side
            shared[row] += weight * products[row]
    own = 0.0
    for row in range(size):
        shared[row] *= columns[STEP, row]
        own += weights[row] * shared[row]
    return weights, shared, own


@compiled
def _nearest(
    k: Scale,
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    vector: Levels,
    moment: float,
) -> tuple[int, float, float]:
    weights, shared, own = _shared(k, table, columns, size)
    within = _within(k, columns, size)
    dots, offset = np.empty(size), 0.0
    for row in range(size):
        dots[row] = product(levels[row], vector) * (columns[STEP, row] * VECTOR_STEP)
        offset += weights[row] * dots[row]
    apart = 1.0 - 2.0 * offset + own
    best, closest = -math.inf, 0
    for row in range(size):
        score = _ratio(
            k,
            within,
            columns[MASS, row],
            columns[SQUARE, row] - 2.0 * shared[row] + own,
            1.0,
            apart,
            dots[row] - shared[row] - offset + own,
        )
        age = max(0.0, moment - columns[TOUCHED, row]) / WEEK_MS
        score -= k.recency * log(1.0 + age / k.recency_weeks)
        if score > best:
            best, closest = score, row
    square = columns[SQUARE, closest]
    cosine = dots[closest] / math.sqrt(square) if square > 0.0 else 0.0
    return closest, best - k.match - _bar(k, columns, size), cosine


@compiled
def nearest(
    scale: Any,
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    vector: Vector,
    moment: float,
) -> tuple[int, float, float]:
    """The cluster that a vector most likely belongs to.

    The score is `_ratio`, less recency ln(1 + silence / recency_weeks), `match` and `_bar`.

    Args:
        scale: `Scale.packed()`.
        levels: The clusters' means, shape (capacity, dimensions).
        table: Products of all pairs of them, shape (capacity, capacity).
        columns: See above, shape (N_COLUMNS, capacity).
        size: Clusters in use, at least one.
        vector: Unit vector, shape (dimensions,).
        moment: Its time.

    Returns:
        Row, score (above 0: it belongs there rather than to none), cosine to that mean.
    """
    return _nearest(scale[0], levels, table, columns, size, quantised(vector), moment)


@compiled
def take(
    scale: Any,
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    vector: Vector,
    weight: float,
    moment: float,
    half_life: float,
) -> tuple[int, float, float]:
    """Put an activity to the cluster that it most likely belongs to, if it belongs to any.

    Args:
        scale: This and what follows as `nearest` has it; of the row, all is changed in place.
        levels: See there.
        table: See there.
        columns: See there.
        size: See there.
        vector: See there.
        weight: Of the activity; above 0.
        moment: Its time; it may lie before the row's own.
        half_life: After it, an activity counts half, ms.

    Returns:
        As `nearest`, from before it was learned; nothing was where the score is not above 0.
    """
    target = quantised(vector)
    row, score, cosine = _nearest(scale[0], levels, table, columns, size, target, moment)
    if score > 0.0:
        _learn(
            levels, table, columns, size, row, target, VECTOR_STEP, 1.0, weight, moment, half_life
        )
    return row, score, cosine


@compiled
def _learn(
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    row: int,
    target: Levels,
    unit: float,
    mass: float,
    weight: float,
    moment: float,
    half_life: float,
) -> None:
    silent = moment - columns[TOUCHED, row]
    faded = fading(abs(silent) / half_life)
    if silent >= 0.0:
        columns[MASS, row] *= faded
        columns[WEIGHT, row] *= faded
        columns[TOUCHED, row] = moment
    else:
        mass *= faded
        weight *= faded
    columns[MASS, row] += mass
    columns[WEIGHT, row] += weight
    total = columns[MASS, row]
    step = settle(levels[row], columns[STEP, row], target, unit, mass / total, total)
    columns[STEP, row] = step
    _enter(levels, table, columns, size, row)


@compiled
def _enter(levels: Levels, table: Table, columns: Doubles, size: int, row: int) -> None:
    """Work out what follows from a row's levels and step."""
    tabulate(levels, table, size, row)
    step = columns[STEP, row]
    columns[SQUARE, row] = table[row, row] * (step * step)


@compiled
def open_row(
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    vector: Vector,
    mass: float,
    weight: float,
    moment: float,
) -> None:
    """Make a cluster of activities with a mean in the row behind the others, size - 1."""
    row = size - 1
    levels[row] = 0
    columns[:, row] = 0.0
    columns[TOUCHED, row] = moment
    _learn(
        levels, table, columns, size, row, quantised(vector), VECTOR_STEP, mass, weight, moment, 1.0
    )


@compiled
def absorb(
    levels: Levels,
    table: Table,
    columns: Doubles,
    size: int,
    kept: int,
    gone: int,
    half_life: float,
) -> None:
    """Put all the activities of a cluster to another one."""
    _learn(
        levels,
        table,
        columns,
        size,
        kept,
        levels[gone],
        columns[STEP, gone],
        columns[MASS, gone],
        columns[WEIGHT, gone],
        columns[TOUCHED, gone],
        half_life,
    )


@compiled
def restore(levels: Levels, table: Table, columns: Doubles, first: int, size: int) -> None:
    """Work out of the rows from `first` on what follows from their levels and steps."""
    for row in range(first, size):
        _enter(levels, table, columns, row + 1, row)


@compiled
def most_alike(
    scale: Any, table: Table, columns: Doubles, size: int, row: int
) -> tuple[int, float]:
    """The cluster that is most likely the same interest as the one in `row`.

    The score is `_ratio`, less `merge` and `_bar`.

    Returns:
        Its row and the score; above 0 they are one interest rather than two.
    """
    k = scale[0]
    _, shared, own = _shared(k, table, columns, size)
    within = _within(k, columns, size)
    best, twin = -math.inf, row
    for other in range(size):
        if other == row:
            continue
        dot = table[row, other] * (columns[STEP, row] * columns[STEP, other])
        dot += own - shared[row] - shared[other]
        n1, q1 = columns[MASS, row], columns[SQUARE, row] - 2.0 * shared[row] + own
        n2, q2 = columns[MASS, other], columns[SQUARE, other] - 2.0 * shared[other] + own
        if n2 > n1:
            n1, q1, n2, q2 = n2, q2, n1, q1
        score = _ratio(k, within, n1, q1, n2, q2, dot)
        if score > best:
            best, twin = score, other
    return twin, best - k.merge - _bar(k, columns, size)


@compiled
def _strength(columns: Doubles, size: int, half_life: float) -> Doubles:
    """Activities of each row at the latest one's time, each as many as its weight is mean weights.

    In a user whose weights are all the same, it is the faded mass. The digits that differ by the
    unit of the weights are rounded away.

    Args:
        columns: See above.
        size: Rows in use.
        half_life: After it, an activity counts half, ms.

    Returns:
        Shape (size,).
    """
    latest = 0.0
    for row in range(size):
        latest = max(latest, columns[TOUCHED, row])
    strong, mass, weight = np.empty(size), 0.0, 0.0
    for row in range(size):
        faded = fading((latest - columns[TOUCHED, row]) / half_life)
        strong[row] = columns[WEIGHT, row] * faded
        mass += columns[MASS, row] * faded
        weight += strong[row]
    for row in range(size):
        strong[row] = np.float32(strong[row] * (mass / weight))
    return strong


@compiled
def standing(
    table: Table, columns: Doubles, size: int, wanted: int, half_life: float
) -> tuple[float, int]:
    """How strong a journey is, and its place: the strongest comes first, what is like it waits.

    Maximal marginal relevance (Carbonell and Goldstein 1998), as a product: the next is the one
    whose strength, times its distance from the most alike that came before, is greatest.

    Args:
        table: Products of the means.
        columns: See above.
        size: Rows in use.
        wanted: Whose, as a row.
        half_life: After it, an activity counts half, ms.

    Returns:
        Its strength; its place among the journeys, the first is 1.
    """
    strong = _strength(columns, size, half_life)
    alike = np.zeros(size)
    left = columns[JOURNEY, :size] > 0.0
    for place in range(size):
        best, first = -1.0, wanted
        for row in range(size):
            worth = strong[row] * (1.0 - alike[row])
            if left[row] and worth > best:
                best, first = worth, row
        if first == wanted:
            return strong[wanted], place + 1
        left[first] = False
        for row in range(size):
            if left[row]:
                norm = math.sqrt(columns[SQUARE, row] * columns[SQUARE, first])
                dot = table[row, first] * (columns[STEP, row] * columns[STEP, first])
                if norm > 0.0:
                    alike[row] = min(1.0, max(alike[row], dot / norm))
    return strong[wanted], size
