# SPDX-License-Identifier: BSD-3-Clause
"""A campaign: one SQLite file with every run, its parameters, its metrics and its provenance."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ipseclab import files
from ipseclab.errors import LabError, StorageFailed
from ipseclab.plan import Job
from ipseclab.provenance import Provenance

FILE_NAME = "campaign.sqlite"
APPLICATION_ID = 0x49534C42  # "ISLB"; how a foreign SQLite file is told from a campaign
FORMAT_VERSION = 1

SCHEMA = """
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
    code_identity: str = ""  # of the build that made it; empty when it failed

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
        with path.open("rb") as file:
            header = file.read(100)
        size = path.stat().st_size
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
    expected = _size_in_header(header)
    if size < expected and not _has_journal(path):
        raise LabError(
            f"{path}: cut short: {size} of {expected} octets; it is left untouched (what is left "
            "of it: sqlite3 FILE .recover)"
        )


def _size_in_header(header: bytes) -> int:
    """Pages times their size (www.sqlite.org/fileformat2.html, section 1.3)."""
    (page_size,) = struct.unpack(">H", header[16:18])
    (pages,) = struct.unpack(">I", header[28:32])
    return int(pages) * (65536 if page_size == 1 else int(page_size))


def _has_journal(path: Path) -> bool:
    """Whether what a crash interrupted waits in the write-ahead log, and the file may be short."""
    journal = path.with_name(f"{path.name}-wal")
    return journal.exists() and journal.stat().st_size > 0


_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}
_REFUSED |= {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Says in one line what SQLite could not do."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _REFUSED:
            raise StorageFailed(f"{path}: the file system refuses: {error}") from None
        if code == sqlite3.SQLITE_BUSY:
            raise LabError(f"{path}: another process keeps it locked") from None
        raise LabError(f"{path}: damaged: {error}; it is left untouched") from None


def _lock(folder: Path) -> int:
    """Holds the folder until the descriptor is closed; LabError when another process does.

    The lock is the folder's, not the file's: SQLite's locks on a file end when any descriptor of
    it is closed, and a lock file would have to be cleaned up.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LabError(
            f"{folder}: another process runs this campaign; wait for its end, or choose another "
            "--out; nothing was written"
        ) from None
    return descriptor


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _parameters_json(job: Job) -> str:
    return json.dumps(dict(job.parameters), sort_keys=True)


class Campaign:
    """An open campaign file.  Only the process's main thread uses it.

    One process at a time writes (``create``); any number may read meanwhile.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        refuse_foreign(path)
        if not create and not path.exists():
            raise LabError(f"{path}: there is no campaign")
        self.path = path
        self._folder = -1
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._folder = _lock(path.parent)
                if not path.exists():
                    self._create(path)
            with _explained(path):
                self._database = sqlite3.connect(path, isolation_level=None, timeout=30)
                self._database.execute("PRAGMA foreign_keys=ON")
                self._database.execute("SELECT count(*) FROM sqlite_schema")
        except OSError as error:
            self._unlock()
            raise StorageFailed(f"{path}: cannot create the campaign: {error.strerror}") from None
        except LabError:
            self._unlock()
            raise

    @staticmethod
    def _create(path: Path) -> None:
        """Makes the file whole or not at all, its marks in the main file before WAL begins."""
        temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            with _explained(path):
                database = sqlite3.connect(temporary)
                database.execute(f"PRAGMA application_id={APPLICATION_ID}")
                database.execute(f"PRAGMA user_version={FORMAT_VERSION}")
                database.executescript(SCHEMA)
                database.execute("PRAGMA journal_mode=WAL")
                database.close()
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _unlock(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._unlock()

    def _query(
        self, sql: str, values: Sequence[object] | dict[str, Any] = ()
    ) -> list[tuple[Any, ...]]:
        with _explained(self.path):
            return self._database.execute(sql, values).fetchall()

    def add_provenance(self, provenance: Provenance) -> None:
        """Remembers a build; a build that is known already is left as it is."""
        row: dict[str, Any] = {**asdict(provenance), "created": _now()}
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self._query(f"INSERT OR IGNORE INTO provenance ({columns}) VALUES ({values})", row)

    def add(self, outcome: Outcome, code_identity: str) -> None:
        """Writes one run; a run of the same identity, which may have failed, is replaced."""
        job = outcome.job
        self._query(
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
            self._query(
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
        rows = self._query(f"SELECT {', '.join(names)} FROM provenance ORDER BY created")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def scenarios(self) -> list[str]:
        """The names of the scenarios that have runs here."""
        return [name for (name,) in self._query("SELECT DISTINCT scenario FROM runs")]

    def latest_code(self, scenario: str) -> str:
        """The identity of the code that made the newest run."""
        query = "SELECT code_identity FROM runs WHERE scenario = ? ORDER BY id DESC LIMIT 1"
        [(identity,)] = self._query(query, (scenario,))
        return str(identity)

    def runs_of_other_code(self, scenarios: Iterable[str], code_identity: str) -> int:
        """How many runs of these scenarios were made by other code than this."""
        query = "SELECT count(*) FROM runs WHERE scenario = ? AND code_identity <> ?"
        return sum(self._query(query, (name, code_identity))[0][0] for name in scenarios)

    def _rows(self, scenario: str) -> Iterator[dict[str, Any]]:
        names = [
            *("scenario", "parameters", "seed", "run", "mode", "code_identity"),
            *("status", "error", "wall_seconds", "command", "metrics"),
        ]
        query = f"SELECT {', '.join(names)} FROM runs WHERE scenario = ? ORDER BY {_ORDER}"
        for row in self._query(query, (scenario,)):
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
        files.write(path, self.frame(scenario).to_csv(index=False))
