# SPDX-License-Identifier: BSD-3-Clause
"""A campaign: one SQLite file with every run, its parameters, its metrics and its provenance."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ipseclab.errors import LabError
from ipseclab.plan import Job
from ipseclab.provenance import Provenance

FILE_NAME = "campaign.sqlite"
APPLICATION_ID = 0x49534C42  # "ISLB"; how a foreign SQLite file is told from a campaign
FORMAT_VERSION = 1

_SCHEMA = """
CREATE TABLE provenance (
    code_identity TEXT PRIMARY KEY,
    revision TEXT NOT NULL, dirty INTEGER NOT NULL,
    ns3 TEXT NOT NULL, openssl TEXT NOT NULL,
    compiler TEXT NOT NULL, cxx_standard INTEGER NOT NULL, build_type TEXT NOT NULL,
    python TEXT NOT NULL, host_cpu TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    scenario TEXT NOT NULL,
    parameters TEXT NOT NULL,
    seed INTEGER NOT NULL,
    run INTEGER NOT NULL,
    mode TEXT NOT NULL,
    code_identity TEXT NOT NULL REFERENCES provenance,
    status TEXT NOT NULL CHECK (status IN ('ok', 'failed')),
    metrics TEXT NOT NULL,
    error TEXT NOT NULL,
    wall_seconds REAL NOT NULL,
    command TEXT NOT NULL,
    created TEXT NOT NULL,
    UNIQUE (scenario, parameters, seed, run, mode, code_identity)
);
"""

# Runs finish in any order; what is read does not depend on that.
_ORDER = "parameters, mode, code_identity, seed, run"


@dataclass(frozen=True)
class Outcome:
    """What one run gave."""

    job: Job
    wall_seconds: float
    metrics: dict[str, int | float]
    files: tuple[str, ...] = ()
    error: str = ""  # empty: the run finished

    @property
    def ok(self) -> bool:
        return not self.error


def refuse_foreign(path: Path) -> None:
    """Raises LabError unless the file is missing or a campaign of this version; only reads.

    The header's bytes are read without SQLite, which might recover a journal of the file.
    """
    if not path.exists():
        return
    try:
        header = path.read_bytes()[:100]
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}; nothing was written") from None
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise LabError(f"{path}: not a campaign file; it is left untouched")
    version, application = struct.unpack(">I4xI", header[60:72])
    if application != APPLICATION_ID:
        raise LabError(f"{path}: a SQLite file of another program; it is left untouched")
    if version != FORMAT_VERSION:
        raise LabError(
            f"{path}: campaign format {version}, this program reads format {FORMAT_VERSION}; "
            "it is left untouched"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parameters_json(job: Job) -> str:
    return json.dumps(dict(job.parameters), sort_keys=True)


class Campaign:
    """An open campaign file.  Only the process's main thread uses it."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        refuse_foreign(path)
        if not path.exists():
            if not create:
                raise LabError(f"{path}: there is no campaign")
            self._create(path)
        self.path = path
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA foreign_keys=ON")

    @staticmethod
    def _create(path: Path) -> None:
        """Makes the file whole or not at all, its marks in the main file before WAL begins."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
            database = sqlite3.connect(temporary)
            database.execute(f"PRAGMA application_id={APPLICATION_ID}")
            database.execute(f"PRAGMA user_version={FORMAT_VERSION}")
            database.executescript(_SCHEMA)
            database.execute("PRAGMA journal_mode=WAL")
            database.close()
            temporary.replace(path)
        except (OSError, sqlite3.Error) as error:
            raise LabError(f"{path}: cannot create the campaign: {error}") from None

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add_provenance(self, provenance: Provenance) -> None:
        """Remembers a build; a build that is known already is left as it is."""
        row: dict[str, Any] = {**asdict(provenance), "created": _now()}
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self._database.execute(
            f"INSERT OR IGNORE INTO provenance ({columns}) VALUES ({values})", row
        )

    def add(self, outcome: Outcome, code_identity: str) -> None:
        """Writes one run; a run of the same identity, which may have failed, is replaced."""
        job = outcome.job
        self._database.execute(
            "INSERT OR REPLACE INTO runs (scenario, parameters, seed, run, mode, code_identity,"
            " status, metrics, error, wall_seconds, command, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.scenario,
                _parameters_json(job),
                job.seed,
                job.run,
                job.mode,
                code_identity,
                "ok" if outcome.ok else "failed",
                json.dumps(outcome.metrics, sort_keys=True),
                outcome.error,
                outcome.wall_seconds,
                job.command(),
                _now(),
            ),
        )

    def missing(self, jobs: Iterable[Job], code_identity: str) -> list[Job]:
        """The jobs that have not finished yet with this code; failed ones are missing too."""
        done = set(
            self._database.execute(
                "SELECT scenario, parameters, seed, run, mode FROM runs"
                " WHERE status = 'ok' AND code_identity = ?",
                (code_identity,),
            )
        )
        return [
            job
            for job in jobs
            if (job.scenario, _parameters_json(job), job.seed, job.run, job.mode) not in done
        ]

    def provenance(self) -> list[dict[str, Any]]:
        """All builds that the campaign's runs come from, oldest first."""
        names = [field.name for field in fields(Provenance)] + ["created"]
        rows = self._database.execute(f"SELECT {', '.join(names)} FROM provenance ORDER BY created")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def scenarios(self) -> list[str]:
        """The names of the scenarios that have runs here."""
        return [name for (name,) in self._database.execute("SELECT DISTINCT scenario FROM runs")]

    def latest_code(self, scenario: str) -> str:
        """The identity of the code that made the newest run."""
        query = "SELECT code_identity FROM runs WHERE scenario = ? ORDER BY id DESC LIMIT 1"
        row: tuple[str] = self._database.execute(query, (scenario,)).fetchone()
        return row[0]

    def _rows(self, scenario: str) -> Iterator[dict[str, Any]]:
        names = [
            *("scenario", "parameters", "seed", "run", "mode", "code_identity"),
            *("status", "error", "wall_seconds", "command", "metrics"),
        ]
        query = f"SELECT {', '.join(names)} FROM runs WHERE scenario = ? ORDER BY {_ORDER}"
        for row in self._database.execute(query, (scenario,)):
            yield dict(zip(names, row, strict=True))

    def frame(self, scenario: str) -> pd.DataFrame:
        """One row per run: its identity, ``parameter.NAME`` and ``metric.NAME`` columns."""
        rows = []
        for row in self._rows(scenario):
            parameters = json.loads(row.pop("parameters"))
            metrics = json.loads(row.pop("metrics"))
            row |= {f"parameter.{name}": value for name, value in parameters.items()}
            row |= {f"metric.{name}": value for name, value in sorted(metrics.items())}
            rows.append(row)
        return pd.DataFrame(rows)

    def export_csv(self, scenario: str, path: Path) -> None:
        """Writes the frame of one scenario as CSV."""
        self.frame(scenario).to_csv(path, index=False)
