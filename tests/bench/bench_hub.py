# SPDX-License-Identifier: BSD-3-Clause
"""What a run of dscp-hub costs against the number of sites: time of each further site."""

from __future__ import annotations

import ipseclab as lab

SITES = (250, 500, 1000, 2000, 4000)


def main() -> None:
    """Each step doubles the sites; costs that are linear have ratios near 1."""
    frame = lab.sweep(
        "dscp-hub", sites=SITES, start_spread="1s", packets=1, sized=True, runs=2, jobs=1
    )
    # The faster of two: what else the machine does only adds.
    seconds = frame.groupby("parameter.sites", sort=False)["wall_seconds"].min()
    events = frame.groupby("parameter.sites", sort=False)["metric.events"].mean()
    print("scenario dscp-hub, four classes, no traffic: set-up of all sites")
    print(f"{'sites':>7} {'s':>8} {'ms/further':>11} {'of the first':>13} {'events/further':>15}")
    first: float | None = None
    before: tuple[int, float, float] | None = None
    for sites in SITES:
        now = (sites, float(seconds[str(sites)]), float(events[str(sites)]))
        more = ""
        if before:
            step = now[0] - before[0]
            each = 1e3 * (now[1] - before[1]) / step
            first = first or each
            more = f"{each:11.3f} {each / first:13.2f} {(now[2] - before[2]) / step:15.1f}"
        print(f"{sites:7} {now[1]:8.2f} {more}")
        before = now


if __name__ == "__main__":
    main()
