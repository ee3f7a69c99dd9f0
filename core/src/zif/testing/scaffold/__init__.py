"""`zif new-backend`: a complete, packaged backend to start from; it passes `zif check` as created."""

from __future__ import annotations

from zif.testing.scaffold.write import create

__all__ = ["create"]
