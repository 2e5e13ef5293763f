# SPDX-License-Identifier: BSD-3-Clause
# %% [markdown]
# # A topology of one's own
#
# A head office and two branches, each behind a gateway, joined by a provider's router. Each branch
# has a tunnel to the head office; the access link of branch 2 is slow. Branch 1 sends evenly,
# branch 2 more than its link carries. What does each get through, and what happens when the tunnel
# of branch 1 is deleted in the middle of the run?

# %%
import numpy as np

import ipseclab as lab

net = lab.Network(seed=7, run=1)
provider = net.router("provider")
gateways = {}
hosts = {}
for site, access in {"head": "1Gbps", "branch1": "1Gbps", "branch2": "10Mbps"}.items():
    hosts[site] = net.host(f"{site}-host")
    gateways[site] = net.gateway(f"{site}-gateway")
    net.link(hosts[site], gateways[site], rate="1Gbps")
    net.link(gateways[site], provider, rate=access, delay="5ms", queue=100)
for branch in ("branch1", "branch2"):
    net.tunnel(gateways[branch], gateways["head"])

streams = {
    branch: net.traffic(hosts[branch], hosts["head"], rate="2kpps", payload="1kB", packets=1000)
    for branch in ("branch1", "branch2")
}
print("head office:", hosts["head"].address, "behind", gateways["head"].protected)

# %% [markdown]
# Callbacks are called at simulated time. From 300 ms on branch 1 has no SA; the next packet asks
# for one, and what is sent until it is there is dropped and counted.

# %%
log = []
net.on("sa-installed", lambda time, event: log.append((time, event.gateway, "installed")))
net.on("sa-removed", lambda time, event: log.append((time, event.gateway, "removed")))
net.at("300ms", gateways["branch1"].close)

result = net.run(until="3s")

# %%
for time, gateway, what in log:
    print(f"{1e3 * time:8.2f} ms  {gateway:16} SA {what}")
for branch, stream in streams.items():
    got = result[stream]
    drops = {k: n for k, n in result[gateways[branch]]["outbound_drops"].items() if n}
    print(
        f"{branch}: {got.loss:.1%} lost, median delay {1e3 * np.median(got.delays):.1f} ms; {drops}"
    )
print({k: n for k, n in result[gateways["head"]]["inbound_drops"].items() if n})
print(dict(result.conservation))

# %% [markdown]
# Branch 1 lost what came to the head office after its SA was gone there (`unknown-spi`) and what it
# wanted to send before it had a new one (`acquire-pending`). Branch 2 lost what its queue did not
# take; each packet of it waited behind 100 others.
