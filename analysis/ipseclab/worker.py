# SPDX-License-Identifier: BSD-3-Clause
"""One run in a process of its own: a job as JSON on standard input, the outcome on standard output.

ns-3 has one simulator per process.  This module imports nothing but the core, so that a process
starts fast.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> int:
    """Runs one job; exit 0 when it finished, 1 with a message on standard error when it failed."""
    from ipseclab import core

    job = json.load(sys.stdin)
    began = time.perf_counter()
    try:
        output = core.load().run(
            job["scenario"],
            job["parameters"],
            seed=job["seed"],
            run=job["run"],
            output_folder=job["output_folder"],
            sized=job["sized"],
        )
    except Exception as error:  # whatever went wrong belongs to this run, not to the sweep
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    outcome = {
        "metrics": output["metrics"],
        "files": output["files"],
        "wall_seconds": time.perf_counter() - began,
        "code_identity": core.identity(),
    }
    json.dump(outcome, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
