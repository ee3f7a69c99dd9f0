"""A run under load as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zif.report.html import environment


def bench_html(document: Mapping[str, Any]) -> str:
    """The page of a `zif.bench/1` document. No network, no script."""
    return environment().get_template("bench.html.j2").render(doc=document, outcome=document["outcome"])
