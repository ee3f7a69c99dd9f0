"""placement: the backend is one of several, and any split with the reference gives the same outputs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from zif.backends.registry import installed
from zif.model import Model
from zif.runtime import verbs
from zif.testing.networks import NETWORKS
from zif.testing.plugin import not_claimed
from zif.testing.subject import Subject
from zif.testing.tolerance import TOLERANCE

JUDGE = "reference"


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.__name__)
def test_any_split_with_the_reference_agrees(device: Subject, make: Any) -> None:
    """Every way to divide the units of a tiny network between the two, up to sixteen of them."""
    network, name = make(), device.backend.name
    model = Model.load(network.model)
    if name == JUDGE or JUDGE not in {row.name for row in installed()}:
        not_claimed(f"a split needs two backends, one of them {JUDGE!r}")
    if not device.claims(model):
        not_claimed(network.name)
    rtol, atol = TOLERANCE.get(device.general.preferred_precision, TOLERANCE["fp32"])
    for choice in itertools.product((name, JUDGE), repeat=len(model.units)):
        pins = dict(zip((unit.id for unit in model.units), choice, strict=True))
        with verbs.load(model, target=device.target.name, pin=pins, only=[name, JUDGE], emulate=True) as session:
            placed = {unit.name: unit.backend for unit in session.plan.units}
            outputs = session.run(network.inputs)
        assert placed == pins
        for output, want in network.outputs.items():
            np.testing.assert_allclose(outputs[output], want, rtol=rtol, atol=atol * 10)
