# SPDX-License-Identifier: BSD-3-Clause
"""HTML pages that need nothing else: one style and one end for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2

Filters = Mapping[str, Callable[..., str]]


def render(template: str, filters: Filters, **content: Any) -> str:
    """A template of this package, filled in; ``provenance`` has one dict for each build."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(**content)
