"""For the ways out: the HTP's emulator, or a reason to skip."""

from __future__ import annotations

from qnn_htp.conftest import chip as chip
from qnn_htp.conftest import htp as htp
