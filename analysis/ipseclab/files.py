# SPDX-License-Identifier: BSD-3-Clause
"""Results on disk: written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from ipseclab.errors import StorageFailed


def write(path: Path, content: str | bytes) -> Path:
    """Puts the content in the place of the file; what was there stays when that fails."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    octets = content.encode() if isinstance(content, str) else content
    try:
        try:
            temporary.write_bytes(octets)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"{path}: cannot be written: {error.strerror}") from None
    return path
