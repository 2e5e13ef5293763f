# SPDX-License-Identifier: BSD-3-Clause
# %% [markdown]
# # A reordering model written in Python
#
# The built-in models draw the delay of each packet by itself. Real networks reorder in bursts: a
# path is longer for a while, and everything on it is late together. This model has two states, a
# short path and a long one, and changes from one to the other now and then (Gilbert's chain).
# In the steady state it puts as many packets on the long path as independent draws would: does the
# replay window notice the difference?

# %%
from collections.abc import Callable

import ipseclab as lab

DETOUR = 0.002  # s
SHARE = 0.3  # of packets on the short path
PACKETS = 20000
TOO_OLD = lab.VERDICTS.index("replay-too-old")


def bursts(draws: list[float], length: float) -> Callable[[int, float], float]:
    """Seconds for packet i: stays on the long path for ``length`` packets on average."""
    leave_long = 1 / length
    leave_short = leave_long * (1 - SHARE) / SHARE  # keeps the shares
    state = {"long": False}

    def delay(index: int, _now: float) -> float:
        leave = leave_long if state["long"] else min(1, leave_short)
        if draws[index] < leave:
            state["long"] = not state["long"]
        return DETOUR if state["long"] else 0.0

    return delay


# %%
def loss(length: float | None) -> float:
    """Share of arrivals that a window of 64 drops; None: independent draws."""
    net = lab.Network(seed=1, run=1)
    a, b = net.host("a"), net.host("b")
    ga, gb = net.gateway("ga"), net.gateway("gb", window=64)
    # Draws of an ns-3 stream: the model repeats with seed and run as all else does.
    draws = net.uniform(stream=10, count=2 * PACKETS).tolist()
    independent = lab.TwoPoint(DETOUR, fast_share=SHARE)
    net.link(a, ga)
    net.link(
        ga, gb, delay="1ms", extra_delay=independent if length is None else bursts(draws, length)
    )
    net.link(gb, b)
    net.tunnel(ga, gb)
    net.probe(gb)
    net.traffic(a, b, rate="100kpps", payload="200B", packets=PACKETS)
    arrivals = net.run().arrivals["gb"]
    return float((arrivals["verdict"] == TOO_OLD).mean())


LOSSES = {length: loss(length) for length in (None, 5, 50, 500)}
for mean, ratio in LOSSES.items():
    print(f"{'independent' if mean is None else f'bursts of {mean}':>15}: {ratio:.3f}")

# %% [markdown]
# A packet of the longer path is lost when one of the packets 64 to 199 places behind it took the
# shorter one. Bursts much shorter than that change nothing: 70 % is the whole longer path. In
# bursts of 500 only the last packets of each burst can be overtaken so, and most are saved. A model
# of independent delays overstates the loss of a network that is late in long bursts.
