# SPDX-License-Identifier: BSD-3-Clause
"""Closed forms for the share of fresh packets that a replay window refuses.

The unit of time is the distance of two packets, so a delay is a number of sequence numbers.  A
packet is refused iff at its arrival the highest number accepted so far is ahead of its own by the
window or more.  Both formulas are for a constant sending rate and the stationary state; they say
nothing about a link's queue, random spacing, or the first and last packets of an SA.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Floats = npt.NDArray[np.float64]

_NODES = 16  # of Gauss-Legendre quadrature in each piece of a unit interval
_NEGLIGIBLE = 1e-16
_TIE_DECIMALS = 9  # of a packet distance; a nanosecond is more of one at any rate a run can have
_FIRST_CHUNK = 64  # unit intervals handled at once; doubled each time, up to:
_LARGEST_CHUNK = 4096


def two_paths(
    windows: npt.ArrayLike, rate_spread: npt.ArrayLike, fast_share: float, loss: float = 0.0
) -> Floats:
    """Loss over both paths, each first in first out, packets sprayed independently.

    :param windows: sizes in sequence numbers; 0 means no check and no loss
    :param rate_spread: packets per second times the difference of the paths' delays in seconds
    :param fast_share: probability that a packet takes the faster path
    :param loss: probability that the network loses a packet
    """
    window = np.asarray(windows, dtype=np.float64)
    # 1 Mpps x 70 us is 70 packets, not the 70.00000000000001 of floating point.
    behind = np.ceil(np.round(np.asarray(rate_spread, dtype=np.float64), _TIE_DECIMALS))
    overtakers = np.maximum(0.0, behind - window)
    slow_loss = 1.0 - (1.0 - fast_share * (1.0 - loss)) ** overtakers
    return np.where(window == 0, 0.0, (1.0 - fast_share) * slow_loss)


def _unit_nodes(breakpoint_: float) -> tuple[Floats, Floats]:
    """Nodes and weights on [0, 1], in two pieces when the distribution has a kink inside."""
    node, weight = special.roots_legendre(_NODES)
    edges = [0.0, breakpoint_, 1.0] if 0.0 < breakpoint_ < 1.0 else [0.0, 1.0]
    nodes, weights = [], []
    for low, high in itertools.pairwise(edges):
        nodes.append(low + (high - low) * (node + 1.0) / 2.0)
        weights.append((high - low) * weight / 2.0)
    return np.concatenate(nodes), np.concatenate(weights)


def independent_delays(
    windows: npt.ArrayLike, delay: stats.rv_continuous, loss: float = 0.0
) -> Floats:
    """Loss when every packet has its own delay, all from one continuous distribution.

        P(W) = 1 - E[ prod over k >= W of (1 - (1 - loss) F(D - k)) ]

    The expectation is a sum over whole delays j and an integral over the fraction u; for one u the
    product of a delay j + u is a cumulative product of 1 - (1 - loss) F(i + u) up to i = j - W,
    which does not depend on W.

    :param windows: sizes in sequence numbers; 0 means no check and no loss
    :param delay: a frozen scipy distribution on [0, inf), in packet distances
    :param loss: probability that the network loses a packet; the result is per packet that arrives
    """
    window = np.atleast_1d(np.asarray(windows, dtype=np.float64))
    upper = delay.support()[1]
    nodes, weights = _unit_nodes(float(upper % 1.0) if np.isfinite(upper) else 0.0)
    in_time = np.asarray(
        delay.cdf(window), dtype=np.float64
    )  # a delay below W: nobody can overtake
    survived = np.ones_like(nodes)
    start, chunk = 0, _FIRST_CHUNK
    while start <= upper and survived.max() > _NEGLIGIBLE:
        whole = np.arange(start, start + chunk, dtype=np.float64)[:, None] + nodes
        products = survived * np.cumprod(1.0 - (1.0 - loss) * delay.cdf(whole), axis=0)
        for index, size in enumerate(window):
            in_time[index] += np.sum(weights * delay.pdf(size + whole) * products)
        if np.all(delay.sf(window + start + chunk) < _NEGLIGIBLE):
            break
        survived = products[-1]
        start, chunk = start + chunk, min(2 * chunk, _LARGEST_CHUNK)
    lost = np.clip(1.0 - in_time, 0.0, 1.0)
    return np.where(window == 0, 0.0, lost).reshape(np.shape(windows))


def delay_distribution(network: str, rate_spread: float) -> stats.rv_continuous:
    """The delays of a network with independent ones, in packet distances."""
    if network == "uniform":
        return stats.uniform(scale=rate_spread)
    if network == "exponential":
        return stats.expon(scale=rate_spread)
    raise ValueError(f"no independent delays: {network}")


def _independent(network: str) -> Callable[..., float]:
    def formula(window: float, rate_spread: float, loss: float = 0.0) -> float:
        if rate_spread == 0.0:
            return 0.0  # no delays, no reordering
        return float(independent_delays(window, delay_distribution(network, rate_spread), loss))

    return formula


def _two_paths(window: float, rate_spread: float, fast_share: float, loss: float = 0.0) -> float:
    return float(two_paths(window, rate_spread, fast_share, loss))


# What the formula of a claim or of a scenario's theory may call.
FORMULAS: dict[str, Callable[..., float]] = {
    "two_paths": _two_paths,
    "uniform_delays": _independent("uniform"),
    "exponential_delays": _independent("exponential"),
}
