"""Buckets in a bundle: each is a bundle of its own in a folder of it, and `buckets.json` says what there is.

What lies beside them is the bundle of the real shape, on CPUs; where there is none, that of the largest bucket.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from zif.artifacts.bundle.layout import BUCKET_FOLDER, BUCKETS, BUCKETS_SCHEMA
from zif.errors import InvalidBundle
from zif.files.limits import ELEMENTS, is_shape
from zif.files.records import record
from zif.records import TensorInfo
from zif.runtime.buckets.checking import Finding, Findings
from zif.runtime.buckets.extents import Rule
from zif.runtime.buckets.grid import Grid, Point
from zif.runtime.buckets.loading import no_rest
from zif.runtime.buckets.masking.guards import possible
from zif.runtime.buckets.padding import PADDINGS
from zif.runtime.buckets.routing import Bucket, Router
from zif.runtime.buckets.session import BucketedSession
from zif.runtime.buckets.sizes import MOST

if TYPE_CHECKING:
    from zif.artifacts.bundle import Bundle
    from zif.model import Model
    from zif.runtime.session import Event, Session


@frozen
class Document:
    """What `buckets.json` says. no_rest: why nothing runs at the real shape; "" where that is what lies beside."""

    schema: str
    grid: Grid
    findings: Findings
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    optional: tuple[TensorInfo, ...]
    no_rest: str = ""

    @classmethod
    def of(cls, model: Model, grid: Grid, findings: Findings, no_rest: str) -> Document:
        """What is written for a model with open dimensions."""
        return cls(BUCKETS_SCHEMA, grid, findings, model.inputs, model.outputs, model.optional_inputs, no_rest)

    def text(self) -> bytes:
        """The document."""
        return json.dumps(attrs.asdict(self), indent=1).encode()


def load_bundled(bundle: Bundle, opened: Callable[[Path], Session], rest: Callable[[], Session]) -> BucketedSession:
    """A session on a bundle of buckets. opened: opens that of one; rest: what lies beside. Raises InvalidBundle."""
    told = _read(bundle)
    events: list[Event] = [no_rest(told.no_rest)] if told.no_rest else []
    with ExitStack() as undo:
        buckets = []
        for number, (point, finding) in enumerate(zip(told.grid.points(), told.findings.points, strict=True)):
            session = undo.enter_context(opened(bundle.folder / BUCKET_FOLDER / str(number)))
            _check(bundle, told.grid, point, finding, session)
            buckets.append(Bucket(told.grid.label(point), point, told.grid.shapes(point), finding, session))
        remaining = None if told.no_rest else undo.enter_context(rest())
        router = Router(told.grid, told.findings, buckets, remaining)
        made = BucketedSession(router, told.inputs, told.outputs, told.optional, events)
        undo.pop_all()
        return made


def _read(bundle: Bundle) -> Document:
    def refuse(text: str) -> InvalidBundle:
        return InvalidBundle(f"{bundle.folder}: {text}. Build the bundle again with `zif compile`, or copy it again.")

    told = record(Document, bundle.document(BUCKETS), BUCKETS, refuse)
    if told.schema != BUCKETS_SCHEMA:
        raise refuse(f"{BUCKETS} has the schema {told.schema[:80]!r}, and this zif reads {BUCKETS_SCHEMA!r}")
    wrong = _contradiction(told)
    if wrong:
        raise refuse(f"{BUCKETS} {wrong}")
    return told


def _contradiction(told: Document) -> str:
    """What in a document does not go together; "" for one that may be relied on."""
    grid, fixed = told.grid, told.grid.fixed
    if not grid.axes or not all(axis.sizes and axis.places for axis in grid.axes):
        return "has an axis without sizes or places"
    if any(name not in fixed or not 0 <= place < len(fixed[name]) for axis in grid.axes for name, place in axis.places):
        return "has an axis where no input has one"
    if any(not is_shape(dims) for dims in fixed.values()) or any(
        not 0 < size < ELEMENTS for a in grid.axes for size in a.sizes
    ):
        return "has sizes that no tensor has"
    if {info.name: len(info.shape or ()) for info in told.inputs} != {name: len(dims) for name, dims in fixed.items()}:
        return "has other inputs in its grid than in its list"
    if (
        math.prod(len(axis.sizes) for axis in grid.axes) != len(told.findings.points)
        or len(told.findings.points) > MOST
    ):
        return "does not say of every bucket what was found"
    if any(point.padding not in ("", *PADDINGS) for point in told.findings.points):
        return "names a padding that is not known"
    guards = [guard for point in told.findings.points for guard in point.guards]
    if any(not possible(guard) for guard in guards):
        return "has a mask that none can be"
    rules = [dim for extent in told.findings.extents for dim in extent.dims if isinstance(dim, Rule)]
    rules += [guard.rule for guard in guards]
    if any(not 0 <= rule.axis < len(grid.axes) or rule.divide < 1 for rule in rules):
        return "has a rule that cannot be followed"
    return ""


def _check(bundle: Bundle, grid: Grid, point: Point, finding: Finding, session: Session) -> None:
    """A bucket's bundle takes what the document says. Raises InvalidBundle."""
    takes = {info.name: info.shape for info in session.inputs}
    if takes != grid.shapes(point) | {guard.name: guard.shape for guard in finding.guards}:
        raise InvalidBundle(
            f"{bundle.folder}: the bucket {grid.label(point)} takes {takes}, and {BUCKETS} says another"
        )
