"""What units cost: fitted to measured latencies where there are some, a plain roofline where there are none."""

from zif.planning.costs.model import CostModel, Estimate

__all__ = ["CostModel", "Estimate"]
