"""A loaded plan: segments in order over a DAG of tensors, buffers reused, every error labelled."""

from __future__ import annotations

from zif.runtime.session.events import Event, Timing
from zif.runtime.session.session import Session
from zif.runtime.session.step import Step

__all__ = ["Event", "Session", "Step", "Timing"]
