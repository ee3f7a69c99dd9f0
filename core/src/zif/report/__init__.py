"""A plan for people: one HTML file, and overlays for the viewers in which they already look at models.

What may come in: pages and files made from a plan. Deciding what is in a plan is `zif.planning`'s.
"""

from __future__ import annotations

from zif.report.html import plan_html
from zif.report.markdown import diff_markdown
from zif.report.overlay import annotated, node_data

__all__ = ["annotated", "diff_markdown", "node_data", "plan_html"]
