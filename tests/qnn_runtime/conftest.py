from __future__ import annotations

import pytest
from zif_qnn_runtime import status


@pytest.fixture
def htp() -> None:
    """Skip, with the library's own sentence, where the HTP library cannot run."""
    found = status("htp")
    if not found.available:
        pytest.skip(found.reason)
