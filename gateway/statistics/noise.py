"""Exact discrete Laplace noise: integers in, integers out, no floating point.

Method: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020 (arXiv 2004.00010),
algorithms 1 and 2. `below(n)` gives a uniform integer from 0 to n - 1; outside tests it is `secrets.randbelow`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

Below = Callable[[int], int]


def discrete_laplace(scale: Fraction, below: Below) -> int:
    """One draw Z with P(Z = z) proportional to exp(-|z| / scale), `scale` above zero."""
    t, s = scale.numerator, scale.denominator
    while True:
        u = below(t)
        if not _exp(u, t, below):
            continue
        v = 0
        while _exp(1, 1, below):
            v += 1
        y = (u + t * v) // s
        negative = below(2) == 1
        if negative and y == 0:  # else zero would come up twice as often
            continue
        return -y if negative else y


def margin(scale: Fraction) -> int:
    """The smallest m with P(|Z| <= m) >= 95 %, from P(|Z| > m) = 2 q^(m+1) / (1 + q) where q = exp(-1 / scale)."""
    with localcontext() as context:
        context.prec = 50
        rate = Decimal(scale.denominator) / Decimal(scale.numerator)
        tail = (40 / (1 + (-rate).exp())).ln() / rate - 1
        return max(0, int(tail.to_integral_value(ROUND_CEILING)))


def _exp(numerator: int, denominator: int, below: Below) -> bool:
    """True with probability exp(-x), x = numerator / denominator from 0 to 1."""
    k = 1
    while below(denominator * k) < numerator:  # Bernoulli(x / k)
        k += 1
    return k % 2 == 1
