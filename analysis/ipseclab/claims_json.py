# SPDX-License-Identifier: BSD-3-Clause
"""The verdicts that ``ipseclab claims`` leaves in a folder for ``ipseclab report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ipseclab.errors import LabError

FILE_NAME = "claims.json"
SHOWN = ("id", "document", "section", "statement", "verdict", "detail")


def read(path: Path) -> list[dict[str, Any]]:
    """What was found about each claim: SHOWN, and whatever else is there; none without the file."""
    if not path.exists():
        return []
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = found["claims"] if isinstance(found, dict) else found
        return [{**row, **{key: str(row.get(key, "")) for key in SHOWN}} for row in rows]
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise LabError(f"{path}: unreadable: {error}") from None
