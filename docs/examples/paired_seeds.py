# SPDX-License-Identifier: BSD-3-Clause
# %% [markdown]
# # Two arms on paired seeds
#
# How much does a replay window of 96 packets save compared with one of 64, where the delay of a
# packet is spread evenly over 1 ms? Both arms of a pair get the same seed and run, hence the same
# keys, the same gaps between packets and the same delays (common random numbers): what differs
# between them is the window alone. Each run is made in a worker process of its own.

# %%
import numpy as np
from scipy import stats

import ipseclab as lab

RUNS = range(1, 9)


def loss(window: int, run: int) -> float:
    """Share of ESP arrivals that are left of the window."""
    net = lab.Network(seed=1, run=run)
    a, b = net.host("a"), net.host("b")
    ga, gb = net.gateway("ga"), net.gateway("gb", window=window)
    net.link(a, ga)
    net.link(ga, gb, delay="1ms", extra_delay=lab.Uniform("1ms"))
    net.link(gb, b)
    net.tunnel(ga, gb)
    net.traffic(a, b, rate="150kpps", payload="200B", packets=2000, spacing="poisson")
    counters = net.run()[gb]
    late = counters["inbound_drops"]["replay-too-old"]
    return late / (late + counters["opened"])


SMALL, LARGE = (np.array([lab.isolated(loss, window, run) for run in RUNS]) for window in (64, 96))

# %% [markdown]
# The interval of the mean difference, once from the pairs, and once as if the runs of the two arms
# had nothing to do with each other.

# %%
PAIRED = stats.ttest_rel(SMALL, LARGE).confidence_interval(0.95)
SPREAD = stats.t.ppf(0.975, 2 * len(RUNS) - 2) * np.sqrt(
    (SMALL.var(ddof=1) + LARGE.var(ddof=1)) / len(RUNS)
)
MEAN = float(np.mean(SMALL - LARGE))
print(f"loss with 64: {SMALL.mean():.4f}, with 96: {LARGE.mean():.4f}")
print(f"correlation within the pairs: {np.corrcoef(SMALL, LARGE)[0, 1]:+.2f}")
print(f"saved: {MEAN:.4f}, 95 % in {PAIRED.low:.4f} to {PAIRED.high:.4f} from pairs")
print(f"       {MEAN:.4f}, 95 % in {MEAN - SPREAD:.4f} to {MEAN + SPREAD:.4f} without pairing")

# %% [markdown]
# The pairs give the narrower interval from the same number of runs, because a run with many late
# packets has them in both arms. When the arms are different networks, give the elements that they
# share the same streams (`stream=`), or the correlation is lost.
