from __future__ import annotations

import pytest
from backends.host import Wild
from zif.backends.isolation import pool as workers


@pytest.fixture
def wild():
    yield Wild()
    workers.pool.close()


@pytest.fixture
def make_wild():
    yield Wild
    workers.pool.close()
