# SPDX-License-Identifier: BSD-3-Clause
"""What the command line tells its caller when something is wrong."""

from __future__ import annotations

EXIT_OK = 0
EXIT_DIFFERS = 1
EXIT_USAGE = 2
EXIT_STORAGE = 4
EXIT_UNSUPPORTED = 127
EXIT_INTERRUPTED = 130


class LabError(Exception):
    """The message is one line for the user; nothing was written."""

    exit_code = EXIT_USAGE

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BuildMissing(LabError):
    """The compiled core is not there."""

    exit_code = EXIT_DIFFERS


class RunsFailed(LabError):
    """Some runs failed; what finished is written."""

    exit_code = EXIT_DIFFERS


class Stopped(LabError):
    """A sweep could not go on; what had finished is kept."""

    exit_code = EXIT_DIFFERS


class StorageFailed(Stopped):
    """The file system refused a write: full, read-only or not ours; what was there is kept."""

    exit_code = EXIT_STORAGE


class ClusterFailed(Stopped):
    """The Dask cluster is gone."""


class OtherCode(Stopped):
    """A run was made by another build than the campaign's runs of this sweep."""


class Unsupported(LabError):
    """The input needs something that the model has not got; the message names it."""

    exit_code = EXIT_UNSUPPORTED


class Interrupted(LabError):
    """Ctrl-C; what had finished is kept."""

    exit_code = EXIT_INTERRUPTED
