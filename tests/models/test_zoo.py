"""Every model of the zoo does its real task on plain ONNX Runtime: the baseline that zif is measured against."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
from zoo import Entry, Run, all_entries


def entries(*, slow: bool = True) -> list[object]:
    """The zoo as test parameters, the large ones marked slow."""
    marks = {True: [pytest.mark.slow], False: []}
    return [pytest.param(e, id=e.name, marks=marks[e.slow]) for e in all_entries() if slow or not e.slow]


def plain(entry: Entry) -> Run:
    """The model on ONNX Runtime itself."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(entry.path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feed: dict(zip(names, session.run(names, dict(feed)), strict=True))


@pytest.mark.parametrize("entry", entries())
def test_does_its_task(entry: Entry) -> None:
    answer = entry.answer(plain(entry))
    assert entry.good(answer), f"{answer!r}, expected {entry.expected!r}"


@pytest.mark.parametrize("entry", entries())
def test_feed_is_as_described(entry: Entry) -> None:
    """The shapes that an entry fixes are those of its feed, and if it fixes any, it leaves no dimension free."""
    feed = entry.inputs()
    graph = onnx.load(entry.path, load_external_data=False).graph
    inner = {weight.name for weight in graph.initializer}
    free = {i.name for i in graph.input if any(d.dim_value < 1 for d in i.type.tensor_type.shape.dim)}
    assert set(feed) == {i.name for i in graph.input} - inner
    assert not entry.shapes or free - inner <= set(entry.shapes) <= set(feed)
    assert {name: feed[name].shape for name in entry.shapes} == dict(entry.shapes)


@pytest.mark.parametrize("entry", entries(slow=False))
def test_wrong_outputs_do_not_pass(entry: Entry) -> None:
    """The checks can fail: a model that answers with zeros does not do the task."""
    run = plain(entry)
    answer = entry.answer(lambda feed: {name: value * 0 for name, value in run(feed).items()})
    assert not entry.good(answer), f"{answer!r} from outputs that are all zero"
