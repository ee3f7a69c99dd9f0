"""A user's own measurements on a chip, as corrections of its prices.

What may come in: reading such measurements, what they say of the prices, and keeping that.
"""

from zif.evaluation.calibration.correct import factors
from zif.evaluation.calibration.reading import Measured, read
from zif.evaluation.calibration.verb import Calibrated, calibrate, forget

__all__ = ["Calibrated", "Measured", "calibrate", "factors", "forget", "read"]
