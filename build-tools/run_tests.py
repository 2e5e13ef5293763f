#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs every layer of tests, two at a time, and counts every case.

Usage: run_tests.py [--nightly] [layer...]   (all of them without a name; --list names them)

With --nightly the layers are those that take hours instead: the random schedules and mutated
messages in the numbers that are too many for every change.

A layer is one entry of LAYERS: what it runs, how its cases are counted, when it is skipped and why.
Most are single processes that leave a second processor idle, hence two at a time, in the order of
LAYERS: short ones first, then long ones by length, so that both lanes end at about the same time.
Each says when it begins and how it went when it has ended.
A layer without a single case, or one whose command fails although no case did, counts as a failure.
On SIGINT, SIGTERM and SIGHUP, and when a step has taken too long, all that the layers have started
ends.
What the commands print is kept in build/test-logs and shown when something fails. The last line is
always "N passed, N failed, N skipped"; the exit status is 1 when anything failed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


def jobs_wanted(value: str | None) -> int:
    """Compilers and simulations at the same time, by the variable JOBS."""
    try:
        jobs = int(value or 2)
    except ValueError:
        jobs = 0
    if jobs < 1:
        sys.exit(f"JOBS is '{value}', but is a number of processes: 1 or more")
    return jobs


ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "test-logs"
BIN = BUILD / "bin"
SANITIZE = BUILD / "sanitize"
FUZZ = BUILD / "fuzz"
HAS_CLANG = shutil.which("clang++") is not None
PYTHON = "/usr/bin/python3"
JOBS = jobs_wanted(os.environ.get("JOBS"))
LANES = min(2, JOBS)
FUZZ_SECONDS = os.environ.get("FUZZ_SECONDS", "30")
CORPUS = ROOT / "tests/fuzz/corpus"
FUZZ_TOPICS = (
    "ike-message",
    "ike-endpoint",
    "esp",
    "ip-fragment",
    "aggfrag",
    "aggfrag-receiver",
)
TAIL_LINES = 30
GRACE = 5.0  # seconds between asking a layer to end and making it
CLANG = "apt-get install clang libclang-rt-14-dev"


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind, for the counters."""

    status: int
    output: str
    report: Path


# ---- how cases are counted ----


def one_case(outcome: Outcome) -> Count:
    return Count(passed=1) if outcome.status == 0 else Count(failed=1)


def gtest_json(outcome: Outcome) -> Count:
    report = json.loads(outcome.report.read_text(encoding="utf-8"))
    cases = [case for suite in report["testsuites"] for case in suite["testsuite"]]
    skipped = sum(case["result"] == "SKIPPED" or case["status"] == "NOTRUN" for case in cases)
    failed = sum("failures" in case for case in cases)
    return Count(len(cases) - skipped - failed, failed, skipped)


def junit_xml(outcome: Outcome) -> Count:
    cases = list(ElementTree.parse(outcome.report).iter("testcase"))
    skipped = sum(case.find("skipped") is not None for case in cases)
    failed = sum(
        case.find("failure") is not None or case.find("error") is not None for case in cases
    )
    return Count(len(cases) - skipped - failed, failed, skipped)


def ns3_xml(outcome: Outcome) -> Count:
    # One <Test> for every suite, one after the other without a root; the cases are the innermost.
    text = outcome.report.read_text(encoding="utf-8")
    text = re.sub(r"<\?xml.*?\?>", "", text)
    tests = list(ElementTree.fromstring(f"<all>{text}</all>").iter("Test"))
    results = [test.findtext("Result") for test in tests if test.find("Test") is None]
    passed = results.count("PASS")
    return Count(passed, len(results) - passed)


def tap(outcome: Outcome) -> Count:
    return Count(
        len(re.findall(r"^ok\b", outcome.output, re.MULTILINE)),
        len(re.findall(r"^not ok\b", outcome.output, re.MULTILINE)),
    )


def replayed_inputs(outcome: Outcome) -> Count:
    done = re.search(r"^replayed (\d+) inputs$", outcome.output, re.MULTILINE)
    return Count(passed=int(done.group(1))) if done and outcome.status == 0 else Count(failed=1)


def fuzzer_runs(outcome: Outcome) -> Count:
    runs = re.search(r"^stat::number_of_executed_units:\s*(\d+)$", outcome.output, re.MULTILINE)
    worked = outcome.status == 0 and runs is not None and int(runs.group(1)) > 0
    return Count(passed=1) if worked else Count(failed=1)


# ---- the layers ----

Command = list[str]


@dataclass(frozen=True)
class Step:
    """One command of a layer.

    "{report}" in it becomes the file that its counter reads, "{jobs}" the number of its processes.
    """

    command: Command
    count: Callable[[Outcome], Count] | None = None  # None: prepares, and only its failure counts


@dataclass(frozen=True)
class Layer:
    name: str
    steps: list[Step]
    needs: tuple[str, ...] = ()  # programs without which the layer is skipped
    why: str = ""  # what to do about a missing program
    timeout: int = 5400  # seconds for each step: the longest takes a quarter hour on two processors
    obstacle: Callable[[], str] = lambda: ""  # another reason to skip the layer; empty: none
    environment: dict[str, str] = field(default_factory=dict)


def configure(folder: Path, *options: str) -> Step:
    return Step([str(ROOT / "build-tools/configure.sh"), str(folder), *options])


def build(folder: Path, *targets: str) -> Step:
    return Step(["cmake", "--build", str(folder), "-j", "{jobs}", "--target", *targets])


def compile_check(standard: int) -> Step:
    """Syntax, types and the warnings of the front end: nothing is optimised, nothing is run."""
    return Step(build(BUILD, f"model-cxx{standard}").command, one_case)


def gtest(program: Path) -> Step:
    return Step([str(program), "--gtest_brief=1", "--gtest_output=json:{report}"], gtest_json)


def replay(folder: Path, topic: str) -> Step:
    return Step([str(folder / f"{topic}-fuzz-replay"), str(CORPUS / topic)], replayed_inputs)


def fuzz(topic: str, limit: str) -> list[Step]:
    """First the corpus, then mutations of it; new inputs land in the build folder.

    `limit` is an option of libFuzzer.
    """
    found = FUZZ / "found" / topic
    command = [
        str(FUZZ / f"bin/{topic}-fuzz"),
        limit,
        # The entropic schedule weighs every input anew after each run: more than half of the time.
        "-entropic=0",
        "-print_final_stats=1",
        f"-artifact_prefix={FUZZ}/{topic}-",
        str(found),
        str(CORPUS / topic),
    ]
    return [Step(["mkdir", "-p", str(found)]), Step(command, fuzzer_runs)]


def sanitized(folder: Path) -> list[Step]:
    """The tests of the model in a build with sanitizers."""
    return [gtest(folder / "bin/unit-tests"), gtest(folder / "bin/property-tests")]


CLANG_BUILD = configure(FUZZ, "-DIPSECLAB_FUZZ=ON", "-DCMAKE_CXX_COMPILER=clang++")
FUZZING = f"fuzzing for {FUZZ_SECONDS} s each"

# libFuzzer needs clang++, which then builds the model with sanitizers once for both.
SANITIZER_LAYERS = (
    [
        Layer(
            f"sanitizers and {FUZZING}",
            [
                CLANG_BUILD,
                build(FUZZ, "all"),
                *sanitized(FUZZ),
                *(
                    step
                    for topic in FUZZ_TOPICS
                    for step in fuzz(topic, f"-max_total_time={FUZZ_SECONDS}")
                ),
            ],
            needs=("clang++",),
            why=CLANG,
        )
    ]
    if HAS_CLANG
    else [
        Layer(
            "sanitizers",
            [
                # Optimised a little, the model runs in half the time and compiles hardly longer.
                configure(SANITIZE, "-DIPSECLAB_SANITIZE=ON", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"),
                build(SANITIZE, "all"),
                *sanitized(SANITIZE),
                *(replay(SANITIZE / "bin", topic) for topic in FUZZ_TOPICS),
            ],
        ),
        Layer(FUZZING, [], needs=("clang++",), why=CLANG),
    ]
)


def cxx_files() -> list[str]:
    folders = ("model", "ns3-module", "helpers", "scenarios", "tests", "cmake")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return sorted(str(path) for path in files if path.suffix in {".h", ".cc"})


def interop_obstacle() -> str:
    """Why no real daemon can be talked to here, by the words of the package itself."""
    names = "matrix, strongswan"
    reason = "matrix.obstacle() or strongswan.StrongSwan.missing()"
    asked = subprocess.run(
        [PYTHON, "-P", "-c", f"from ipseclab.interop import {names}; print({reason})"],
        env={**os.environ, **PYTHON_ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""  # a fault is the layer's to show


PYTHON_ENVIRONMENT = {
    "IPSECLAB_BUILD": str(BUILD),
    "PYTHONPATH": f"{BUILD / 'python'}:{ROOT / 'analysis'}",
}

LAYERS = [
    Layer("purity of model/", [Step([PYTHON, "build-tools/check_model_purity.py"], tap)]),
    Layer(
        "C++ format",
        [Step(["clang-format", "--dry-run", "-Werror", *cxx_files()], one_case)],
        needs=("clang-format",),
        why="apt-get install clang-format",
    ),
    Layer(
        "ruff",
        [
            Step(["ruff", "check", "."], one_case),
            Step(["ruff", "format", "--check", "."], one_case),
        ],
        needs=("ruff",),
        why="not in Debian 12; pipx install ruff",
    ),
    Layer(
        "mypy",
        [Step(["mypy", "--no-error-summary"], one_case)],
        needs=("mypy",),
        why="apt-get install mypy",
    ),
    Layer("unit tests", [gtest(BIN / "unit-tests")]),
    Layer("property tests", [gtest(BIN / "property-tests")]),
    Layer(
        "fuzz corpus",
        [replay(BIN, topic) for topic in FUZZ_TOPICS],
    ),
    Layer("ns-3 tests", [Step([str(BIN / "ns3-tests"), "--xml", "--out={report}"], ns3_xml)]),
    Layer(
        "interoperation with strongSwan",
        [
            Step(
                [
                    *(str(ROOT / "ipseclab"), "interop", "--quick", "--peer", "strongswan"),
                    *("--jobs", "{jobs}", "--out", str(BUILD / "interop"), "--junit", "{report}"),
                ],
                junit_xml,
            )
        ],
        timeout=900,
        environment=PYTHON_ENVIRONMENT,
        obstacle=interop_obstacle,
    ),
    Layer(
        "claims",
        [
            Step(
                [
                    *(str(ROOT / "ipseclab"), "claims", "--quick", "--jobs", "{jobs}"),
                    *("--baseline", "scenarios/verdicts.toml", "--out", str(BUILD / "claims")),
                    *("--junit", "{report}", "--html", str(BUILD / "claims/claims.html")),
                ],
                junit_xml,
            )
        ],
        environment={"IPSECLAB_BUILD": str(BUILD)},
    ),
    *SANITIZER_LAYERS,
    Layer(
        "Python tests",
        [Step([PYTHON, "-P", "-m", "pytest", "-q", "--junitxml={report}"], junit_xml)],
        environment=PYTHON_ENVIRONMENT,
    ),
    Layer("model as C++20, 23, front end only", [compile_check(standard) for standard in (20, 23)]),
]

NIGHTLY_INPUTS = 1_000_000

NIGHTLY_LAYERS = [
    Layer(
        "100,000 random schedules",
        [gtest(BIN / "property-tests")],
        timeout=4 * 3600,
        environment={"IPSECLAB_NIGHTLY": "1"},
    ),
    Layer(
        f"{NIGHTLY_INPUTS:,} mutated inputs for each fuzz target",
        [
            CLANG_BUILD,
            build(FUZZ, *(f"{topic}-fuzz" for topic in FUZZ_TOPICS)),
            *(step for topic in FUZZ_TOPICS for step in fuzz(topic, f"-runs={NIGHTLY_INPUTS}")),
        ],
        needs=("clang++",),
        why=CLANG,
        timeout=4 * 3600,
    ),
]


# ---- running ----


Family = set[tuple[int, str]]  # processes, by id and start time: ids are given again


def family(root: int) -> Family:
    """What a process has started and what these have, in whatever session (proc(5)); of 0: all."""
    children: defaultdict[int, Family] = defaultdict(set)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            children[int(fields[1])].add((int(stat.parent.name), fields[19]))
    found: Family = set()
    parents = {root}
    while parents:
        born = set[tuple[int, str]]().union(*(children[parent] for parent in parents)) - found
        found |= born
        parents = {process for process, _ in born}
    return found


def end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Asks with Ctrl-C, as whoever has started others ends them then; kills what is left."""
    started: Family = set()
    for process in processes:
        started |= family(process.pid)  # nobody could tell any more once it has ended
        with suppress(ProcessLookupError):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
    limit = time.monotonic() + GRACE
    try:
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, limit - time.monotonic()))
    finally:  # also when Ctrl-C is pressed once more
        for process in processes:
            started |= family(process.pid)
            with suppress(ProcessLookupError):  # orphans are in its group still
                os.killpg(process.pid, signal.SIGKILL)
        for left, _ in started & family(0):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(left, signal.SIGKILL)


class Stopped(Exception):
    """The layer does not go on."""


class Processes:
    """Those that run, each with a group of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, command: Command, environment: dict[str, str], limit: int, log: int) -> int:
        """The exit status; 124 after so many seconds, 127 when it cannot start."""
        with self._lock:
            if self._stopped:
                raise Stopped
            try:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                os.write(log, f"cannot run {command[0]}: {error.strerror}\n".encode())
                return 127
            self._running.add(process)
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            end([process])
            os.write(log, f"ended after {limit} s without a result\n".encode())
            status = 124
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Stopped
        return status

    def stop(self) -> None:
        """Ends those that run and lets no other start."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        end(running)


PROCESSES = Processes()


def run(step: Step, layer: Layer, jobs: int, log: Path) -> Outcome:
    """Runs one step; its output goes to the log."""
    report = log.with_suffix(".report")
    report.unlink(missing_ok=True)
    command = [
        word.replace("{report}", str(report)).replace("{jobs}", str(jobs)) for word in step.command
    ]
    environment = {**os.environ, **layer.environment}
    with log.open("w", encoding="utf-8") as output:
        print("$", *command, file=output, flush=True)
        status = PROCESSES.run(command, environment, layer.timeout, output.fileno())
    return Outcome(status, log.read_text(encoding="utf-8", errors="replace"), report)


def counted(step: Step, outcome: Outcome) -> Count:
    """What a step adds; never nothing when it failed, never success without a case."""
    if step.count is None:
        return Count(failed=1) if outcome.status != 0 else Count()
    count = step.count(outcome)
    if count.failed == 0 and (outcome.status != 0 or count.passed == 0):
        count.failed = 1
    return count


def say(line: str) -> None:
    """In one piece, whatever the other lane says."""
    print(line + "\n", end="", flush=True)


def failure(log: Path, outcome: Outcome) -> Iterator[str]:
    for line in outcome.output.splitlines()[1:][-TAIL_LINES:]:  # without the command
        yield f"    | {line}"
    yield f"    exit status {outcome.status}, all of it: {log.relative_to(ROOT)}"


def run_layer(layer: Layer, jobs: int) -> tuple[Count, str]:
    """How the cases ended, and what is said about it."""
    missing = [program for program in layer.needs if shutil.which(program) is None]
    obstacle = f"no {', '.join(missing)} ({layer.why})" if missing else layer.obstacle()
    if obstacle:
        return Count(skipped=1), f"skipped: {obstacle}"
    say(f"[begins] {layer.name}")
    started = time.monotonic()
    total = Count()
    failures: list[str] = []
    for number, step in enumerate(layer.steps):
        log = LOGS / f"{re.sub('[^a-z0-9]+', '-', layer.name.lower()).strip('-')}-{number}.log"
        outcome = run(step, layer, jobs, log)
        try:
            count = counted(step, outcome)
        except Exception as error:  # no report, or one that breaks off: the program crashed
            count = Count(failed=1)
            failures.append(f"    no count of its cases: {type(error).__name__}: {error}")
        total += count
        if count.failed:
            failures += failure(log, outcome)
            if step.count is None:
                break  # what could not be built cannot run
    taken = f"{total} ({time.monotonic() - started:.1f} s)"
    return total, "\n".join([taken, *failures])


def run_layers(layers: list[Layer]) -> Iterator[Count]:
    """All of them in lanes, each with its part of the jobs."""
    lanes = max(1, min(LANES, len(layers)))
    with ThreadPoolExecutor(lanes) as pool:
        running = {pool.submit(run_layer, layer, JOBS // lanes): layer for layer in layers}
        try:
            for number, future in enumerate(as_completed(running), 1):
                count, said = future.result()
                say(f"[{number:2}/{len(layers)}] {running[future].name}: {said}")
                yield count
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for future, layer in running.items():
                if future.cancelled():
                    say(f"[not run] {layer.name}")
                elif not future.done():
                    say(f"[ended early] {layer.name}")
            PROCESSES.stop()
            raise


def chosen(layers: list[Layer], names: list[str]) -> Iterator[Layer]:
    for layer in layers:
        if not names or any(name in layer.name for name in names):
            yield layer


def main(names: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C
    known = LAYERS
    if "--nightly" in names:
        names = [name for name in names if name != "--nightly"]
        known = NIGHTLY_LAYERS
    if names == ["--list"]:
        print(*(layer.name for layer in known), sep="\n")
        return 0
    layers = list(chosen(known, names))
    LOGS.mkdir(parents=True, exist_ok=True)
    total = Count()
    status = 0
    try:
        for count in run_layers(layers):
            total += count
    except KeyboardInterrupt:
        print("interrupted")
        status = 130
    if not layers:
        print(f"no layer is called {' or '.join(names)}; --list names them")
        total.failed += 1
    print(total)
    return status or (1 if total.failed else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
