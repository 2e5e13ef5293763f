# SPDX-License-Identifier: BSD-3-Clause
"""Runs claims until each has its verdict, in one campaign, without a run more than needed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from ipseclab import core, descriptions, plan, provenance, verdicts, work
from ipseclab.campaign import FILE_NAME, Campaign
from ipseclab.claims import Claim, Parameters, check_against_core
from ipseclab.errors import LabError, Unsupported
from ipseclab.statistics import Looks
from ipseclab.verdicts import Finding, Judgement, Observation, Samples

MOST_RUNS = 200  # cap of a sequential check unless it is given
FULL_PRECISION = 0.05

Key = tuple[str, tuple[tuple[str, str], ...], int]  # scenario, canonical parameters, run


@dataclass(frozen=True)
class Effort:
    """How many runs a claim may take."""

    name: str  # quick, standard or full
    seed: int = 1
    precision: float | None = None  # relative half width at which runs end
    max_runs: int | None = None

    @property
    def plain(self) -> bool:
        """Nothing but the name decides: comparable with a baseline."""
        return self.seed == 1 and self.precision is None and self.max_runs is None

    @property
    def target(self) -> float | None:
        """The precision to reach; None: one look, and its verdict stands."""
        if self.precision is None and self.name == "full":
            return FULL_PRECISION
        return self.precision

    def looks(self, claim: Claim) -> Looks:
        """When the claim is looked at; fixed before the first run."""
        first = claim.quick if self.name == "quick" else claim.replications
        sequential = self.target is not None or self.max_runs is not None
        most = (self.max_runs or max(first, MOST_RUNS)) if sequential else first
        return Looks.plan(first, most, verdicts.ALPHA)

    def command(self, claim_id: str) -> str:
        """The command line that judges the claim again in the same way."""
        words = ["./ipseclab", "claims", "--id", claim_id]
        if self.name != "standard":
            words.append(f"--{self.name}")
        words += ["--seed", str(self.seed)]
        if self.precision is not None:
            words += ["--precision", f"{100 * self.precision:g}%"]
        if self.max_runs is not None:
            words += ["--max-runs", str(self.max_runs)]
        return shlex.join(words)


@dataclass(frozen=True)
class Result:
    """The verdict on one claim with everything that a reader needs to doubt it."""

    claim: Claim
    verdict: str
    findings: tuple[Finding, ...]
    replications: int  # of each point
    looks: int  # how often was looked
    seed: int
    command: str
    reason: str = ""  # why unsupported, or which runs failed
    failed_runs: int = 0


class _Runs:
    """The metrics of all runs of this code in a campaign."""

    def __init__(self, folder: Path, scenarios: Iterable[str], seed: int) -> None:
        identity = provenance.collect().code_identity
        self._metrics: dict[Key, dict[str, float]] = {}
        self.errors: dict[Key, str] = {}
        with Campaign(folder / FILE_NAME, create=False) as campaign:
            for scenario in scenarios:
                frame = campaign.frame(scenario)
                chosen = frame[
                    (frame["code_identity"] == identity)
                    & (frame["seed"] == seed)
                    & (frame["mode"] == "real")
                ]
                for row in chosen.to_dict("records"):
                    self._add(scenario, row)

    def _add(self, scenario: str, row: Mapping[str, object]) -> None:
        parameters = tuple(
            sorted(
                (name.partition(".")[2], str(value))
                for name, value in row.items()
                if name.startswith("parameter.")
            )
        )
        key = (scenario, parameters, int(str(row["run"])))
        if row["status"] != "ok":
            self.errors[key] = str(row["error"])
            return
        self._metrics[key] = {
            name.partition(".")[2]: float(str(value))
            for name, value in row.items()
            if name.startswith("metric.")
        }

    def of(self, scenario: str, point: Parameters, run: int) -> dict[str, float] | None:
        return self._metrics.get((scenario, tuple(sorted(point.items())), run))


class _Case:
    """A claim on its way to a verdict."""

    def __init__(self, claim: Claim, effort: Effort) -> None:
        self.claim = claim
        self.effort = effort
        self.looks = effort.looks(claim)
        self.look = 0
        self._cases = [
            [core.check_parameters(claim.scenario, arm) for arm in case.arms]
            for case in claim.cases()
        ]
        self._published = [(case.published, case.fitted) for case in claim.cases()]

    @property
    def runs(self) -> int:
        return self.looks.runs[self.look]

    def jobs(self) -> list[plan.Job]:
        points = [point for case in self._cases for point in case]
        unique = {tuple(sorted(point.items())): point for point in points}
        replications = plan.Replications(self.runs, 1, self.effort.seed)
        return plan.make_jobs(self.claim.scenario, list(unique.values()), replications)

    def _samples(self, runs: _Runs, point: Parameters, numbers: Sequence[int]) -> Samples:
        metrics = [runs.of(self.claim.scenario, point, number) or {} for number in numbers]
        share = self.claim.share
        if share is None:
            values = np.array([row[self.claim.measure] for row in metrics], dtype=np.float64)
            return Samples(values, interval=self.claim.interval)
        events = np.array([share[0](row) for row in metrics], dtype=np.float64)
        totals = np.array([share[1](row) for row in metrics], dtype=np.float64)
        if np.any(events < 0.0) or np.any(events > totals):
            raise LabError(
                f"claim {self.claim.id}: measure: '{self.claim.measure}' is no share: "
                f"{share[0].text} exceeds {share[1].text} in a run"
            )
        parameters = core.parameter_values(self.claim.scenario, point)
        length = descriptions.load(self.claim.scenario).correlation_length(parameters)
        return Samples(events, totals, length)

    def judge(self, runs: _Runs) -> Judgement:
        """By the runs that finished in every arm of every case, so that pairs stay pairs."""
        numbers = [
            number
            for number in range(1, self.runs + 1)
            if all(
                runs.of(self.claim.scenario, point, number) is not None
                for case in self._cases
                for point in case
            )
        ]
        if not numbers:
            return Judgement(verdicts.INCONCLUSIVE, ())
        observations = [
            Observation(
                label=self._label(case),
                values=core.parameter_values(self.claim.scenario, case[0]),
                arms=tuple(self._samples(runs, point, numbers) for point in case),
                published=published,
                fitted=fitted,
            )
            for case, (published, fitted) in zip(self._cases, self._published, strict=True)
        ]
        return verdicts.judge(
            self.claim.expect, self.claim.expression, observations, self.looks.alpha
        )

    def _label(self, case: Sequence[Parameters]) -> str:
        """What tells this case from the others, and its arms from each other."""
        first = [arms[0] for arms in self._cases]
        names = [name for name in case[0] if len({point[name] for point in first}) > 1]
        label = ", ".join(f"{name}={case[0][name]}" for name in names)
        if len(case) < 2:
            return label or "the only point"
        arms = [name for name in case[0] if case[0][name] != case[1][name]]
        pair = " : ".join(",".join(f"{name}={arm[name]}" for name in arms) for arm in case)
        return f"{label}; {pair}" if label else pair

    def failures(self, runs: _Runs) -> list[str]:
        wanted = {(job.scenario, job.parameters, job.run) for job in self.jobs()}
        return [error for key, error in runs.errors.items() if key in wanted]

    def settled(self, judgement: Judgement) -> bool:
        """Whether there is nothing more to find out, or no run left for it."""
        if self.look + 1 == len(self.looks.runs):
            return True
        if judgement.verdict == verdicts.INCONCLUSIVE:
            return False
        return self.effort.target is None or judgement.precise(self.effort.target)

    def result(self, judgement: Judgement, runs: _Runs) -> Result:
        failures = self.failures(runs)
        verdict = judgement.verdict
        if failures and verdict == verdicts.CONFIRMED:
            verdict = verdicts.INCONCLUSIVE  # who knows what the others would have shown
        return Result(
            claim=self.claim,
            verdict=verdict,
            findings=judgement.findings,
            replications=self.runs,
            looks=self.look + 1,
            seed=self.effort.seed,
            command=self.effort.command(self.claim.id),
            reason=f"{len(failures)} runs failed; the first: {failures[0]}" if failures else "",
            failed_runs=len(failures),
        )


def _unsupported(claim: Claim, effort: Effort, why: str) -> Result:
    command = effort.command(claim.id)
    return Result(claim, verdicts.UNSUPPORTED, (), 0, 0, effort.seed, command, reason=why)


def judge_all(
    console: Console,
    folder: Path,
    claims: Sequence[Claim],
    effort: Effort,
    workers: int,
    resume: str,
) -> list[Result]:
    """Verdicts in the order of the claims.  The runs of all claims share one pool."""
    results: dict[str, Result] = {}
    waiting: list[_Case] = []
    for claim in claims:
        try:
            check_against_core(claim)
            waiting.append(_Case(claim, effort))
        except Unsupported as error:
            results[claim.id] = _unsupported(claim, effort, str(error))
    while waiting:
        jobs = list(dict.fromkeys(job for case in waiting for job in case.jobs()))
        work.perform(console, folder, jobs, workers, title="claims", resume=resume)
        runs = _Runs(folder, {case.claim.scenario for case in waiting}, effort.seed)
        unsettled = []
        for case in waiting:
            judgement = case.judge(runs)
            if case.settled(judgement):
                results[case.claim.id] = case.result(judgement, runs)
            else:
                case.look += 1
                unsettled.append(case)
        waiting = unsettled
    return [results[claim.id] for claim in claims]
