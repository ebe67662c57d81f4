"""Quantiles of the distributions that a search draws from, where the standard library has none at hand."""

from __future__ import annotations

import math
from statistics import NormalDist

_STANDARD = NormalDist()
_TINY = 1e-300
_EXACT = 1e-15
_TERMS = 300


def normal_quantile(u: float, mu: float, sigma: float) -> float:
    """The value below which a normal variable lies with probability ``u`` in (0, 1)."""
    return mu + sigma * _STANDARD.inv_cdf(u)


def normal_share(value: float, mu: float, sigma: float) -> float:
    """The probability that a normal variable is below a value."""
    return _STANDARD.cdf((value - mu) / sigma)


def beta_quantile(u: float, a: float, b: float) -> float:
    """The value in [0, 1] below which a beta variable lies with probability ``u``, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if beta_share(middle, a, b) < u:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_share(x: float, a: float, b: float) -> float:
    """The probability that a beta variable is below ``x``: the regularized incomplete beta function.

    The continued fraction converges fast left of the mean; right of it the other tail is taken.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, evaluated from its front (Lentz)."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for step in (even, odd):
            d = 1 / _off_zero(1 + step * d)
            c = _off_zero(1 + step / c)
            change = c * d
            found *= change
        if abs(change - 1) < _EXACT:
            break
    return found


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
