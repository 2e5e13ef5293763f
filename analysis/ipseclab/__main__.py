# SPDX-License-Identifier: BSD-3-Clause
"""``python -m ipseclab``."""

import sys

from ipseclab.cli import main

if __name__ == "__main__":
    sys.exit(main())
