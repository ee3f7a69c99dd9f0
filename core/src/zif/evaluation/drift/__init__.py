"""Models on two toolchains: what moved between an environment and another, or between now and what was kept.

What may come in: reading a model in an environment of its own, keeping that, and holding two such readings against each
other. Plans are compared by `zif.planning.changes`, tensors by `zif.runtime.measures`.
"""

from __future__ import annotations

from zif.evaluation.drift.compare import Drift, ModelDrift, OutputDrift
from zif.evaluation.drift.reading import Kept, Reading, read_kept
from zif.evaluation.drift.verb import drift, keep

__all__ = ["Drift", "Kept", "ModelDrift", "OutputDrift", "Reading", "drift", "keep", "read_kept"]
