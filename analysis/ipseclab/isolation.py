# SPDX-License-Identifier: BSD-3-Clause
"""Functions in worker processes of their own: a crash in C++ ends the worker and nothing else."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any, NoReturn, ParamSpec, TypeVar

from ipseclab.errors import LabError

_P = ParamSpec("_P")
_T = TypeVar("_T")

# One fork at a time: a worker must not inherit the pipe of another one, which it would keep open.
_forking = threading.Lock()

_TAIL_LINES = 20  # of a crashed worker's standard error


class WorkerCrashed(LabError):
    """A worker process ended without a result.

    ``signal`` is the number of the signal that ended it (None: it exited), ``exit_status`` its exit
    status (None: a signal ended it), ``stderr`` the last lines of its standard error.
    """

    exit_code = 1

    def __init__(self, status: int, stderr: str) -> None:
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.exit_status = None if self.signal is not None else os.waitstatus_to_exitcode(status)
        self.stderr = stderr
        how = f"exit status {self.exit_status}"
        if self.signal is not None:
            how = f"signal {self.signal} ({signal.Signals(self.signal).name})"
        said = f"; it said: {stderr}" if stderr else ""
        super().__init__(f"the worker process ended by {how}{said}")


def isolated(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Calls a function in a new worker process and returns its result.

    The worker is a copy of this process (a fork), so the function may be anything that can be
    called, a lambda of a notebook too; what it changes is lost, and only its result comes back,
    which must be picklable.  An exception of the function is raised here, with the worker's
    traceback as a note.  When the worker crashes, WorkerCrashed is raised.

    >>> import ipseclab as lab
    >>> lab.isolated(sum, [1, 2, 3])
    6
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # or the worker would write it a second time
    with tempfile.TemporaryFile() as complaint:
        with _forking:
            reading, writing = os.pipe()
            worker = os.fork()
            if worker == 0:
                os.close(reading)
                _work(writing, complaint, lambda: function(*args, **kwargs))
            os.close(writing)
        try:
            with os.fdopen(reading, "rb") as pipe:
                answer = pipe.read()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
            raise
        _, status = os.waitpid(worker, 0)
        complaint.seek(0)
        said = complaint.read().decode(errors="replace")
    if status != 0 or not answer:
        raise WorkerCrashed(status, _tail(said))
    if said:
        sys.stderr.write(said)
    outcome = pickle.loads(answer)
    if isinstance(outcome, _Failure):
        outcome.error.add_note(f"In the worker process:\n{outcome.trace}")
        raise outcome.error
    result: _T = outcome
    return result


def _tail(said: str) -> str:
    """The last lines, but of a crash's traceback only the frames of the function itself."""
    lines = []
    frames = True
    for line in said.splitlines():
        if line.startswith('  File "') and _outcome.__code__.co_filename in line:
            frames = False
        elif not line.startswith('  File "'):
            frames = True
        if frames and not line.startswith("Extension modules:"):
            lines.append(line)
    return "\n".join(lines[-_TAIL_LINES:]).strip()


class _Failure:
    """An exception on its way to the parent."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.trace = "".join(traceback.format_exception(error))


def _work(writing: int, complaint: IO[bytes], function: Callable[[], object]) -> NoReturn:
    """In the worker: never returns into the code that it is a copy of."""
    global _forking
    _forking = threading.Lock()  # the worker may have workers
    status = 1
    try:
        os.dup2(complaint.fileno(), 2)
        sys.stderr = open(2, "w", closefd=False, buffering=1)  # noqa: SIM115
        faulthandler.enable()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(_outcome(function))
        sys.stdout.flush()
        status = 0
    finally:
        os._exit(status)


def _outcome(function: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps(function())
    except BaseException as error:
        return _dump_failure(error)


def _dump_failure(error: BaseException) -> bytes:
    failure: Any = _Failure(error)
    try:
        octets = pickle.dumps(failure)
        pickle.loads(octets)  # some exceptions can be written and not read
    except Exception:
        failure.error = RuntimeError(f"{type(error).__name__}: {error}")
        octets = pickle.dumps(failure)
    return octets
