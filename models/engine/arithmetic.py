"""Compiled arithmetic that gives the same bits on every processor.

Sums of floating-point numbers depend on their order, and a compiler that is free in it takes the
one that suits the processor's registers. So nothing here is compiled with such freedoms
(`fastmath`): every operation is rounded as it is written, none are fused. What is long is summed in
whole numbers, where the order makes no difference. Logarithms and powers are made of the operations
that IEEE 754 fixes to the last bit; a system's library has them as its processor likes.
"""

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])

_LN2: Final = 0.6931471805599453
_LN2_HIGH: Final = 6.93147180369123816490e-01  # its last bits are 0: a few of it add up exactly
_LN2_LOW: Final = 1.90821492927058770002e-10
_ROOT: Final = math.sqrt(0.5)
_FOR_EVER: Final = 1_075.0  # half-lives that leave nothing that a double could hold


def compiled(function: _Function) -> _Function:
    """Compile, and keep it on disk for the next process, where there is a place for that.

    A user without a home who cannot write here has none, unless NUMBA_CACHE_DIR names one.
    """
    try:
        return cast(_Function, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba's word for it
        return cast(_Function, njit(nogil=True)(function))


@compiled
def log(x: float) -> float:
    """Natural logarithm of a number above 0, off by less than one unit in the last place.

    By the series of fdlibm (e_log.c, Sun Microsystems 1993).
    """
    fraction, exponent = math.frexp(x)
    if fraction < _ROOT:
        fraction *= 2.0
        exponent -= 1
    f = fraction - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332))
    even = z * (
        0.6666666666666735130
        + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591))
    )
    half = 0.5 * f * f
    return exponent * _LN2_HIGH - ((half - (s * (half + odd + even) + exponent * _LN2_LOW)) - f)


@compiled
def fading(x: float) -> float:
    """0.5 ** x for x of 0 or more: what is left after x half-lives."""
    if x > _FOR_EVER:
        return 0.0
    whole = math.floor(x + 0.5)
    r = (whole - x) * _LN2  # at most .35 either way: the series' rest is below the last place
    power = 1.0
    for n in range(14, 0, -1):
        power = 1.0 + power * r / n
    return math.ldexp(power, -whole)
