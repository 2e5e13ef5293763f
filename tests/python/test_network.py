# SPDX-License-Identifier: BSD-3-Clause
"""Networks that a script describes."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from conftest import default_interrupt, environment

import ipseclab as lab
from ipseclab import core

pytestmark = pytest.mark.core

TOO_OLD = "replay-too-old"


def chain(
    *,
    seed: int = 1,
    run: int = 1,
    window: int = 64,
    extra_delay: Any = None,
    packets: int = 1000,
    rate: str = "100kpps",
    spacing: Any = "constant",
    loss: float = 0.0,
    esn: bool = False,
    fast_path: bool = False,
    queue: int | None = None,
    access: str = "100Gbps",
) -> tuple[lab.Network, lab.Traffic, lab.Gateway]:
    """Host, gateway, router, gateway, host, with the streams of the scenario replay-window."""
    net = lab.Network(seed, run)
    a, b, r = net.host("a"), net.host("b"), net.router("r")
    ga = net.gateway("ga", stream=100, fast_path=fast_path)
    gb = net.gateway("gb", window=window, stream=200, fast_path=fast_path)
    waiting = packets + 1000 if queue is None else queue
    net.link(a, ga, rate="100Gbps", queue=waiting)
    net.link(ga, r, rate=access, queue=waiting)
    net.link(
        r,
        gb,
        rate="100Gbps",
        delay="1ms",
        extra_delay=extra_delay,
        loss=loss,
        queue=waiting,
        stream=300,
    )
    net.link(gb, b, rate="100Gbps", queue=waiting)
    net.tunnel(ga, gb, esn=esn)
    stream = net.traffic(
        a, b, rate=rate, payload="1000B", packets=packets, spacing=spacing, stream=400
    )
    net.probe(gb)
    return net, stream, gb


def metrics(**parameters: str) -> dict[str, float]:
    """Of one run of the scenario."""
    typed = {"packets": "1000", **parameters}
    output = lab.isolated(lambda: core.load().run("replay-window", typed, seed=3, run=2))
    return dict(output["metrics"])


# ---- against the built-in scenario


@pytest.mark.parametrize(
    ("described", "typed"),
    [
        ({"extra_delay": lab.TwoPoint("1ms", fast_share=0.3)}, {}),
        (
            {"extra_delay": lab.Uniform(0.002), "spacing": "poisson", "window": 32, "loss": 0.1},
            {"network": "uniform", "spread": "2ms", "spacing": "poisson", "window": "32"}
            | {"loss": "0.1"},
        ),
        (
            {"extra_delay": lab.Exponential("0.1ms"), "fast_path": True},
            {"network": "exponential", "spread": "0.1ms", "attachment": "fast-path"}
            | {"packets": "4000"},
        ),
        ({"extra_delay": lab.TwoPoint("1ms", 0.3), "esn": True}, {"esn": "on"}),
    ],
)
def test_counts_equal_those_of_the_scenario(
    described: dict[str, Any], typed: dict[str, str]
) -> None:
    expected = metrics(**typed)
    packets = int(expected["sent_packets"])
    net, stream, gb = chain(seed=3, run=2, packets=packets, **described)
    result = net.run()
    drops = result[gb]["inbound_drops"]
    for reason, count in drops.items():
        assert count == expected[f"drop_inbound_{reason.replace('-', '_')}"], reason
    assert len(result[stream].delivered) == expected["delivered_packets"]
    assert result[stream].delivered_octets == expected["delivered_octets"]
    assert len(result.arrivals["gb"]) == expected["arrived_packets"]
    assert result.links["r-gb"]["esp"]["lost"] == expected["lost_in_network"]
    assert result.tunnels["ga-gb"]["since"] == expected["handshake_time_s"]
    assert sum(drops.values()) > 0, "a comparison of nothing"


# ---- conservation and series


@pytest.mark.parametrize("until", ["8ms", "11ms", "13.5ms", None])
def test_packets_are_conserved_at_any_time(until: str | None) -> None:
    net, stream, _ = chain(
        extra_delay=lab.TwoPoint("1ms", 0.3), loss=0.05, access="600Mbps", queue=50
    )
    result = net.run(until)
    where = dict(result.conservation)
    sent = where.pop("sent")
    assert sent == len(result[stream].sent)
    assert sent == sum(where.values())
    assert where["delivered"] == len(result[stream].delivered)
    if until is None:
        assert where["in_flight"] == 0
        assert sent == 1000
        assert min(where["lost"], where["queue_dropped"], where["dropped"]) > 0
    else:
        assert where["in_flight"] > 0
    for link in result.links.values():
        for counts in link.values():
            parts = ("queue_dropped", "lost", "arrived", "in_flight")
            assert counts["offered"] == sum(counts[part] for part in parts)


def test_series_are_arrays_that_agree_with_the_counters() -> None:
    net, stream, gb = chain(extra_delay=lab.TwoPoint("1ms", 0.3))
    result = net.run()
    arrivals = result.arrivals["gb"]
    assert arrivals.dtype.names == ("time", "number", "spi", "verdict")
    names = np.array(lab.VERDICTS)[arrivals["verdict"]]
    assert (names == TOO_OLD).sum() == result[gb]["inbound_drops"][TOO_OLD]
    assert (names == "none").sum() == result[gb]["opened"]
    assert sorted(arrivals["number"]) == list(range(1, 1001))
    assert (np.diff(arrivals["time"]) >= 0).all()
    got = result[stream]
    assert np.allclose(np.diff(got.sent), 1e-5, atol=1e-9)
    assert set(got.delivered["number"]) == set(arrivals["number"][names == "none"])
    assert 1e-3 < got.delays.min() < 1.01e-3
    assert 2e-3 < got.delays.max() < 2.01e-3
    assert got.loss == 1 - len(got.delivered) / 1000


def test_a_description_repeats_and_another_run_differs() -> None:
    def series(run: int) -> bytes:
        result = chain(run=run, extra_delay=lab.Uniform("1ms"))[0].run()
        return bytes(result.arrivals["gb"].tobytes())

    net, *_ = chain(extra_delay=lab.Uniform("1ms"))
    first = net.run()
    assert net.run().arrivals["gb"].tobytes() == first.arrivals["gb"].tobytes()
    assert series(1) == first.arrivals["gb"].tobytes() == lab.isolated(series, 1)
    assert series(2) != series(1)


def test_results_travel_and_flatten() -> None:
    net, stream, _ = chain(packets=100)
    result = net.run()
    again = pickle.loads(pickle.dumps(result))
    assert again.gateways == result.gateways
    row = again.row()
    assert row["gb.opened"] == 100
    assert row["a-b.delivered"] == 100
    assert row["r-gb.esp.arrived"] == 100
    assert all(isinstance(value, int | float) for value in row.values())
    assert again.traffic[stream.name].loss == 0


# ---- callbacks


def test_events_come_at_their_time() -> None:
    net, stream, gb = chain(packets=200, extra_delay=lab.TwoPoint("1ms", 0.3))
    seen: list[tuple[str, float, Any]] = []
    for kind in ("ike-established", "sa-installed", "sa-removed", "ike-closed", "packet-dropped"):
        net.on(kind, lambda now, event, kind=kind: seen.append((kind, now, event)))
    net.at("30ms", gb.close)
    result = net.run(until="60ms")
    installed = {event.gateway: event for kind, _, event in seen if kind == "sa-installed"}
    assert installed["ga"].time == result.tunnels["ga-gb"]["since"]
    assert installed["ga"].spi_inbound == installed["gb"].spi_outbound
    # The third of four messages gets to the responder, the fourth to the initiator.
    assert installed["gb"].time >= 3e-3
    assert installed["ga"].time >= installed["gb"].time + 1e-3
    assert result[stream].sent[0] == installed["ga"].time
    order = [kind for kind, _, event in seen if event.gateway == "gb" and kind != "packet-dropped"]
    assert order == ["ike-established", "sa-installed", "sa-removed", "ike-closed"]
    removed = [event for kind, _, event in seen if kind == "sa-removed"]
    assert {event.tunnel for event in removed} == {"ga-gb"}
    assert all(event.time >= 30e-3 for event in removed)
    assert next(e.reason for kind, _, e in seen if kind == "ike-closed") == "none"
    dropped = [event for kind, _, event in seen if kind == "packet-dropped"]
    late = result.arrivals["gb"][result.arrivals["gb"]["verdict"] != 0]
    assert [event.number for event in dropped] == late["number"].tolist()
    assert [event.time for event in dropped] == late["time"].tolist()
    assert {event.reason for event in dropped} == {TOO_OLD}
    assert all(now == event.time for _, now, event in seen)


def test_actions_steer_the_run() -> None:
    net, stream, gb = chain(packets=1000)
    link = net.link(net.host("c"), net.router("s"), name="other")
    times: list[float] = []
    opened: list[int] = []

    def cut() -> None:
        times.append(net.now)
        opened.append(gb.counters["opened"])
        wan.set_loss(1.0)
        net.at("10ms", lambda: (times.append(net.now), wan.set_loss(0), wan.set_delay("2ms")))
        net.at("13ms", net.stop)

    wan = lab.Link(net, "r-gb")
    net.at("8ms", cut)
    result = net.run()
    assert times == [0.008, 0.010]
    assert result.simulated_time == 0.013
    assert 0 < opened[0] < result[gb]["opened"]
    lost = result.links["r-gb"]["esp"]["lost"]
    assert 195 <= lost <= 205, "2 ms at 100 kpps"
    assert result[stream].delays.max() > 2e-3
    assert result[link]["clear"]["offered"] == 0


def test_a_tunnel_can_wait_for_traffic() -> None:
    net = lab.Network()
    a, b = net.host("a"), net.host("b")
    ga, gb = net.gateway("ga"), net.gateway("gb")
    for ends in ((a, ga), (gb, b)):
        net.link(*ends)
    net.link(ga, gb, delay="5ms")
    tunnel = net.tunnel(ga, gb, initiate_at=None)
    stream = net.traffic(a, b, rate="1kpps", packets=100, start="100ms")
    result = net.run()
    pending = result[ga]["outbound_drops"]["acquire-pending"]
    assert 20 <= pending <= 21, "four messages of 5 ms at 1 kpps"
    assert len(result[stream].delivered) == 100 - pending
    assert result[tunnel]["up"]
    assert 0.12 < result[tunnel]["since"] < 0.121


def test_what_does_not_fit_or_has_no_tunnel_is_dropped_for_its_reason() -> None:
    net = lab.Network()
    hosts = [net.host(f"h{i}") for i in range(3)]
    sites = [net.gateway(f"g{i}") for i in range(3)]
    r = net.router("r")
    for host, site in zip(hosts, sites, strict=True):
        net.link(host, site)
        net.link(site, r, delay="1ms")
    net.tunnel(sites[0], sites[1])
    # 1500 = outer header 20 + ESP 8 + IV 8 + inner headers 28 + 1418 + trailer 2 + ICV 16.
    fits = net.traffic(hosts[0], hosts[1], packets=10, payload=1418)
    net.traffic(hosts[0], hosts[1], packets=20, payload=1419, name="large")
    net.traffic(hosts[0], hosts[2], packets=30)
    result = net.run()
    drops = {k: n for k, n in result[sites[0]]["outbound_drops"].items() if n}
    assert drops == {"too-big": 20, "no-policy": 30}
    assert len(result[fits].delivered) == 10


def test_a_tunnel_that_never_comes_up_says_why() -> None:
    net, stream, _ = chain(packets=100, loss=1.0)
    result = net.run(until="300s")
    assert result.tunnels["ga-gb"]["up"] is False
    assert result.tunnels["ga-gb"]["fault"] == "timeout"
    assert len(result[stream].sent) == 0
    assert result[stream].loss == 0


# ---- delay models in Python


def test_a_model_in_python_does_what_the_built_in_one_does() -> None:
    built_in, *_ = chain(extra_delay=lab.TwoPoint("1ms", fast_share=0.3))
    draws = built_in.uniform(300, 1100)
    calls: list[tuple[int, float]] = []

    def two_point(index: int, now: float) -> float:
        calls.append((index, now))
        return 0.0 if draws[index] <= 0.3 else 0.001

    in_python, *_ = chain(extra_delay=two_point)
    first, second = built_in.run(), in_python.run()
    assert first.arrivals["gb"].tobytes() == second.arrivals["gb"].tobytes()
    assert [index for index, _ in calls] == list(range(1004)), "1000 packets and 4 of IKE"
    assert all(0 <= now <= second.simulated_time for _, now in calls)


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (lambda index, now: -1e-3, ValueError),
        (lambda index, now: float("nan"), ValueError),
        (lambda index, now: "slow", ValueError),
        (lambda index, now: None, TypeError),
        (lambda index: 0.0, TypeError),
        (lambda index, now: [][index], IndexError),
    ],
)
def test_a_wrong_model_raises(model: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        chain(extra_delay=model)[0].run()


# ---- exceptions


class Disliked(Exception):
    pass


def dislike(*_: object) -> None:
    raise Disliked("this")


@pytest.mark.parametrize("kind", ["ike-established", "sa-installed", "packet-dropped"])
def test_an_exception_in_a_callback_comes_out_of_run(kind: Any) -> None:
    net, *_ = chain(extra_delay=lab.TwoPoint("1ms", 0.3))
    after: list[float] = []
    net.on(kind, dislike)
    net.on(kind, lambda now, event: after.append(now))
    with pytest.raises(Disliked, match="this"):
        net.run()
    assert after == [], "the run is over"
    assert chain(packets=100)[0].run().conservation["delivered"] == 100


def test_an_exception_in_an_action_comes_out_of_run() -> None:
    net, *_ = chain()
    net.at("9ms", dislike)
    with pytest.raises(Disliked):
        net.run()


def test_ctrl_c_ends_a_run() -> None:
    script = (
        "import ipseclab as lab\n"
        "net = lab.Network()\n"
        "a, b = net.host('a'), net.host('b')\n"
        "net.link(a, b)\n"
        "net.traffic(a, b, packets=100000000, payload=8, rate='1Mpps')\n"
        "net.at(0, lambda: print('running', flush=True))\n"
        "try:\n"
        "    net.run()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=default_interrupt,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert said == "interrupted\n"
    assert process.returncode == 0


# ---- isolation


def test_isolated_returns_what_the_function_returns() -> None:
    seen: list[int] = []

    def function(x: int, *, y: int) -> tuple[int, int]:
        seen.append(x)
        return os.getpid(), x + y

    worker, total = lab.isolated(function, 1, y=2)
    assert total == 3
    assert worker != os.getpid()
    assert seen == [], "what the worker changes is lost"


@pytest.mark.parametrize(
    ("crash", "number"),
    [(os.abort, signal.SIGABRT), (lambda: ctypes.string_at(0), signal.SIGSEGV)],
)
def test_a_crash_is_an_exception(crash: Callable[[], object], number: int) -> None:
    def work() -> None:
        print("last words", file=sys.stderr)
        crash()

    with pytest.raises(lab.WorkerCrashed, match=signal.Signals(number).name) as caught:
        lab.isolated(work)
    assert caught.value.signal == number
    assert "last words" in caught.value.stderr
    assert "Extension modules" not in caught.value.stderr
    assert lab.isolated(sum, [1, 2]) == 3


def test_a_crash_in_a_callback_leaves_this_process_alone() -> None:
    def work() -> None:
        net, *_ = chain()
        net.at("9ms", os.abort)
        net.run()

    with pytest.raises(lab.WorkerCrashed):
        lab.isolated(work)
    assert chain(packets=100)[0].run().conservation["delivered"] == 100


def test_a_worker_that_leaves_is_a_crash() -> None:
    with pytest.raises(lab.WorkerCrashed, match="exit status 7") as caught:
        lab.isolated(os._exit, 7)
    assert caught.value.signal is None
    assert caught.value.exit_status == 7


def test_workers_side_by_side_and_within_each_other() -> None:
    def work(place: int) -> int:
        if place == 3:
            os.abort()
        return lab.isolated(lambda: place * chain(packets=100)[0].run().conservation["delivered"])

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(lab.isolated, work, place) for place in range(6)]
    crashed = [isinstance(worker.exception(), lab.WorkerCrashed) for worker in workers]
    assert crashed == [place == 3 for place in range(6)]
    assert [w.result() for w in workers if not w.exception()] == [0, 100, 200, 400, 500]


def test_exceptions_travel_with_their_traceback() -> None:
    with pytest.raises(Disliked, match="this") as caught:
        lab.isolated(dislike)
    assert any("in dislike" in note for note in caught.value.__notes__)

    class Local(Exception):
        pass

    def fail() -> None:
        raise Local("cannot be pickled")

    with pytest.raises(RuntimeError, match="Local: cannot be pickled"):
        lab.isolated(fail)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        lab.isolated(lambda: lambda: 1)


# ---- misuse


def test_one_network_runs_at_a_time() -> None:
    outer, *_ = chain(packets=100)
    inner, *_ = chain(packets=100)
    outer.at("8ms", lambda: inner.run())
    with pytest.raises(RuntimeError, match="one simulator per process"):
        outer.run()
    again, *_ = chain(packets=100)
    again.at("8ms", lambda: again.run())
    with pytest.raises(RuntimeError, match="one simulator per process"):
        again.run()
    assert inner.run().conservation["delivered"] == 100


def test_what_comes_too_early_or_too_late() -> None:
    net, _, gb = chain(packets=100)
    for early in (lambda: gb.counters, lambda: net.now, net.stop, gb.close):
        with pytest.raises(RuntimeError, match="does not run"):
            early()
    net.at("8ms", lambda: net.host("late"))
    with pytest.raises(RuntimeError, match="describe it before"):
        net.run()
    other, *_ = chain(packets=100)
    other.at("8ms", lambda: other.at("7ms", dislike))
    with pytest.raises(ValueError, match="past"):
        other.run()


Build = Callable[[lab.Network], object]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda net: net.host("a"), 'named "a" already'),
        (lambda net: net.host(""), "no name"),
        (lambda net: net.link(lab.Host(net, "a"), lab.Host(net, "z")), 'no node is named "z"'),
        (lambda net: net.link(lab.Host(net, "a"), lab.Host(net, "a")), "with itself"),
        (lambda net: net.tunnel(lab.Gateway(net, "a"), lab.Gateway(net, "g")), "a is a host"),
        (lambda net: net.tunnel(lab.Gateway(net, "g"), lab.Gateway(net, "g")), "with itself"),
        (lambda net: net.traffic(lab.Host(net, "g"), lab.Host(net, "a"), packets=1), "a gateway"),
        (lambda net: net.on("rain", dislike), "no event is named .rain.; there are ike-"),
        (lambda net: net.gateway("h", window=-1), "window: .* negative"),
        (lambda net: net.gateway("h", window=100000), "window: .* out of range"),
        (lambda net: net.router("r") and lab.Network(seed=0), "seed: .* out of range"),
        (lambda net: link(net, rate="10"), "rate: .* no unit"),
        (lambda net: link(net, rate="10ms"), "rate: .* unit other than"),
        (lambda net: link(net, delay=-0.1), "delay: .* negative"),
        (lambda net: link(net, loss=1.5), "loss: .* out of range"),
        (lambda net: link(net, extra_delay="1ms"), "extra_delay: '1ms' is no delay model"),
        (lambda net: link(net, extra_delay=lab.TwoPoint("1ms", 2)), "fast_share: .* out of range"),
        (lambda net: traffic(net, payload="9000B"), "payload: .* out of range"),
        (lambda net: traffic(net, spacing="bursty"), "spacing: .bursty. is unknown"),
        (lambda net: net.run(until="soon"), "until: .* no number"),
        (lambda net: net.probe(lab.Gateway(lab.Network(), "g")), "another network"),
        (lambda net: (traffic(net), net.run()), "no path leads from a to b"),
        (lambda net: (net.gateway("f", fast_path=True), net.run()), "f: the fast path wants one"),
        (
            lambda net: (net.tunnel(lab.Gateway(net, "g"), net.gateway("h")), net.run()),
            "no path outside leads from g to h",
        ),
    ],
)
def test_mistakes_are_named(build: Build, message: str) -> None:
    net = lab.Network()
    net.host("a")
    net.host("b")
    net.gateway("g")
    with pytest.raises(lab.LabError, match=message) as caught:
        build(net)
    assert "\n" not in str(caught.value)


def link(net: lab.Network, **options: Any) -> object:
    return net.link(lab.Host(net, "a"), lab.Host(net, "b"), **options)


def traffic(net: lab.Network, **options: Any) -> object:
    return net.traffic(lab.Host(net, "a"), lab.Host(net, "b"), packets=1, **options)


def test_units_and_numbers_mean_the_same() -> None:
    def arrivals(**options: Any) -> bytes:
        net = lab.Network()
        a, b = net.host("a"), net.host("b")
        net.link(a, b, rate=options["link"], delay=options["delay"])
        stream = net.traffic(a, b, packets=50, rate=options["rate"], payload=options["payload"])
        return bytes(net.run(until=options["until"])[stream].delivered.tobytes())

    text = {"link": "10Mbps", "delay": "1.5ms", "rate": "1kpps", "payload": "1kB", "until": "1s"}
    numbers = {"link": 1e7, "delay": 0.0015, "rate": 1000, "payload": np.int64(1000), "until": 1}
    assert arrivals(**text) == arrivals(**numbers)


# ---- the package


def test_everything_has_a_name_and_a_text() -> None:
    assert set(lab.__all__) <= set(dir(lab))
    for name in lab.__all__:
        thing = getattr(lab, name)
        assert name == "VERDICTS" or thing.__doc__, name
    for kind in (lab.Network, lab.Result, lab.Gateway, lab.TrafficResult):
        for name, member in vars(kind).items():
            if callable(member) and not name.startswith("_"):
                assert member.__doc__, f"{kind.__name__}.{name}"
    with pytest.raises(AttributeError):
        lab.nonsense  # noqa: B018


def test_numbers_of_a_sweep_are_in_si_units() -> None:
    small = {"packets": 400, "window": 32}
    numbers = lab.sweep("replay-window", rate=1e5, spread=0.001, runs=2, jobs=2, **small)
    text = lab.run("replay-window", rate="100kpps", spread="1ms", run=2, **small)
    assert list(numbers["status"]) == ["ok", "ok"]
    row = numbers[numbers["run"] == 2].iloc[0]
    names = [name for name in numbers.columns if name.startswith(("parameter.", "metric."))]
    assert {name: row[name] for name in names} == {name: text[name] for name in names}
    assert len(lab.sweep("replay-window", window=range(32, 34), packets=400, spread=0.001)) == 2
    assert "replay-window" in [info["name"] for info in lab.scenarios()]


def test_a_failed_run_raises() -> None:
    with pytest.raises(lab.RunsFailed, match="no tunnel after"):
        lab.run("replay-window", loss=0.9, packets=400, run=1)
