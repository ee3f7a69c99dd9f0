"""Numbers held against a judge before they are believed: each segment on its backend's own arithmetic, beside the CPU.

The question is not how far a segment is from float, but whether it is further than its precision has to be: the judge
runs once more with every tensor rounded to that precision, and a segment is wrong when it lies well beyond that run.
"""

from __future__ import annotations

from zif.runtime.verification.bench import Bench
from zif.runtime.verification.record import SegmentCheck, TensorCheck, Verification
from zif.runtime.verification.samples import made_samples

__all__ = ["Bench", "SegmentCheck", "TensorCheck", "Verification", "made_samples"]
