"""One model at many sizes: which are built, what may be padded, which way each run goes, and the way to a bundle."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zif
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import parser
from zif import InvalidBundle, InvalidInput, UsageError
from zif.artifacts.sealing import seal, unseal
from zif.model import Model
from zif.runtime.buckets.extents import Rule, rule
from zif.runtime.buckets.grid import Grid
from zif.runtime.buckets.padding import cut, filled
from zif.runtime.buckets.session import BucketedSession
from zif.runtime.buckets.sizes import dimension, fitted, split, spread

CPU = {"only": "reference", "cache": False}
SIZES = {"length": ((8, 16),)}


def model(body: str, inputs: str = "float[N, 4, length] x", outputs: str = "float[N, 4, m] y", opset: int = 17) -> Any:
    weights = ",".join(f"{0.1 * number - 0.7}" for number in range(16))
    kernel = ",".join(f"{0.05 * number - 0.9}" for number in range(48))
    known = f"float[4,4,1] point = {{{weights}}}, float[4,4,3] wide = {{{kernel}}}, float[4] bias = {{1,2,3,4}}"
    known += ", float[3] scales = {1,1,2}, float none = {0}"
    known += ", int64[4] pairs = {0,4,-1,2}"
    head = f'<ir_version: 8, opset_import: ["" : {opset}]> g ({inputs}) => ({outputs}) <{known}>'
    made = parser.parse_model(f"{head} {{ {body} }}")
    used = {name for node in made.graph.node for name in node.input}
    kept = [tensor for tensor in made.graph.initializer if tensor.name in used]
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    return made


POINTWISE = "c = Conv(x, point) y = Relu(c)"
STRIDED = "c = Conv<strides=[3]>(x, point) y = Relu(c)"
UNEVEN = 'c = Conv(x, point, bias) y = Conv<auto_pad="SAME_UPPER", strides=[2], kernel_shape=[3]>(c, wide)'
TWICE = "y = Concat<axis=2>(x, x)"
SPREAD = 'y = Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , scales)'


def run_all(proto: Any, sizes: list[int], **wishes: Any) -> tuple[BucketedSession, list[str]]:
    """Every size beside the model at its real shape; the session, and where each run went."""
    session = zif.load(proto, **{**CPU, "shapes": SIZES, **wishes})
    assert isinstance(session, BucketedSession)
    went = []
    with session, zif.load(proto, **CPU) as right:
        for size in sizes:
            x = np.random.default_rng(size).standard_normal((1, 4, size)).astype(np.float32)
            made, way = session.run({"x": x}), session.way({"x": x})
            for name, value in right.run({"x": x}).items():
                assert made[name].shape == value.shape
                np.testing.assert_allclose(made[name], value, rtol=1e-5, atol=1e-5)
            went.append(way.bucket.label if way.bucket else "real")
    return session, went


@given(st.lists(st.integers(1, 15), min_size=1, max_size=14), st.integers(1, 6))
@settings(deadline=None)
def test_fitted_sizes_pad_the_least_that_so_many_can(seen: list[int], count: int) -> None:
    def padding(chosen: tuple[int, ...]) -> int:
        return sum(min(size for size in chosen if size >= one) - one for one in seen)

    sizes = sorted(set(seen))
    picks = itertools.combinations(sizes[:-1], min(count, len(sizes)) - 1)
    assert padding(fitted(seen, count)) == min(padding((*pick, sizes[-1])) for pick in picks)


def test_sizes_as_they_are_written() -> None:
    assert [dimension(text) for text in split("1,3,48,{640,160,320}")] == [1, 3, 48, (160, 320, 640)]
    assert dimension("1..512:4") == spread(1, 512, 4) == (128, 256, 384, 512)
    assert spread(1, 3, 9) == (1, 2, 3)
    for wrong in ("{}", "{0}", "5..2:3", "1..9:0", "x", "1..9"):
        with pytest.raises(ValueError, match=r"size|dimension|LEAST"):
            dimension(wrong)


@given(st.integers(1, 20), st.integers(0, 40), st.integers(1, 4), st.integers(0, 3))
def test_a_rule_is_found_from_sizes_in_a_row(divide: int, add: int, times: int, plus: int) -> None:
    true = Rule(0, times, add, divide, plus)
    sizes = [300, *range(512 - 41, 513)]
    found = rule(0, [(size, true.of(size)) for size in sizes])
    assert isinstance(found, Rule)
    assert [found.of(size) for size in range(60, 513)] == [true.of(size) for size in range(60, 513)]


def test_what_is_filled_is_cut_back() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for padding in ("zero", "edge"):
        assert np.array_equal(cut(filled(x, (3, 5), padding), (2, 3)), x)
    assert filled(x, (2, 5), "edge")[0].tolist() == [0, 1, 2, 2, 2]
    assert filled(x, (2, 3), "zero") is x
    assert filled(np.array(["a"], object), (2,), "zero").tolist() == ["a", ""]


@pytest.mark.parametrize("body", [POINTWISE, STRIDED])
def test_the_smallest_that_fits_runs_every_size(body: str) -> None:
    session, went = run_all(model(body), [1, 7, 8, 9, 15, 16, 17, 40])
    assert went == ["length=8"] * 3 + ["length=16"] * 3 + ["real"] * 2
    assert [bucket.finding.padding for bucket in session.buckets] == ["zero", "zero"]


@pytest.mark.parametrize(("body", "kind"), [(UNEVEN, "Conv"), (TWICE, "Concat"), (SPREAD, "Resize")])
def test_what_mixes_padding_in_is_named_and_runs_at_its_real_shape(body: str, kind: str) -> None:
    session, went = run_all(model(body), [3, 8, 9, 16, 20])
    assert went == ["real", "length=8", "real", "length=16", "real"]
    for bucket, event in zip(session.buckets, session.events[:2], strict=True):
        assert not bucket.finding.padding
        assert bucket.finding.reason.startswith(f"{kind} '")
        assert bucket.finding.unit in {unit.id for unit in Model.load(model(body)).units if unit.op_type == kind}
        assert event.kind == "bucket"
        assert bucket.finding.reason in event.text


def test_a_mask_of_the_models_own_lets_it_be_padded() -> None:
    proto = model(
        "o = Constant<value_ints=[1]>() ones = Cast<to=1>(mask) less = Sub(ones, full) far = Mul(less, huge) "
        "k = Unsqueeze(far, o) z = Add(x, k) y = Softmax<axis=2>(z)",
        "float[N, 4, length] x, int64[N, length] mask",
    )
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.float32(value), name) for name, value in (("full", 1.0), ("huge", 1e9))
    )
    with zif.load(proto, **CPU, shapes=SIZES) as session, zif.load(proto, **CPU) as right:
        assert isinstance(session, BucketedSession)
        for size in (1, 5, 8, 11):
            x = np.random.default_rng(size).standard_normal((1, 4, size)).astype(np.float32)
            feed = {"x": x, "mask": np.ones((1, size), np.int64)}
            assert session.way(feed).bucket is not None
            np.testing.assert_allclose(session.run(feed)["y"], right.run(feed)["y"], rtol=1e-5, atol=1e-6)


def test_the_output_of_a_sum_over_the_axis_is_right_with_zeros() -> None:
    """Zeros do not change a sum, and repeating the last element does not change a maximum."""
    summed, largest = "y = ReduceSum<keepdims=0>(x, axes)", "y = ReduceMax<axes=[2], keepdims=0>(x)"
    for body, padding in ((summed, "zero"), (largest, "edge")):
        proto = model(body, outputs="float[N, 4] y")
        if "axes)" in body:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([2]), "axes"))
        session, went = run_all(proto, [1, 5, 8, 12])
        assert [bucket.finding.padding for bucket in session.buckets] == [padding, padding]
        assert went == ["length=8"] * 3 + ["length=16"]


def test_what_the_model_does_not_take_no_bucket_takes() -> None:
    """A window that is larger than the input is refused as it is without buckets, by the larger ones, too."""
    body = "c = Conv(x, wide) y = Relu(c)"
    refusing = {**CPU, "only": "qnn_cpu"}  # onnx's evaluator computes something
    with zif.load(model(body), **refusing, shapes=SIZES) as session, zif.load(model(body), **refusing) as right:
        assert isinstance(session, BucketedSession)
        assert [bucket.finding.least for bucket in session.buckets] == [(3,), (9,)]
        for size in (1, 2):
            for one in (session, right):
                with pytest.raises(InvalidInput):
                    one.run({"x": np.zeros((1, 4, size), np.float32)})


@pytest.mark.parametrize("shapes", [SIZES, {"x": (1, 4, (8, 16))}, {"x": ((1, 2), 4, (8, 16))}])
def test_a_model_of_even_sizes_pads_no_odd_ones(shapes: Any) -> None:
    """What it refuses at the real size is refused with buckets."""
    body = "r = Reshape(x, pairs) s = ReduceSum<keepdims=0>(r) y = Add(x, s)"
    outputs = "float[N, 4, length] y"
    refusing = {**CPU, "only": "qnn_cpu"}
    with (
        zif.load(model(body, outputs=outputs), **refusing, shapes=shapes) as session,
        zif.load(model(body, outputs=outputs), **refusing) as right,
    ):
        assert isinstance(session, BucketedSession)
        for size in range(1, 17):
            x = np.full((1, 4, size), 0.5, np.float32)
            if size % 2:
                with pytest.raises(InvalidInput):
                    session.run({"x": x})
            else:
                np.testing.assert_array_equal(session.run({"x": x})["y"], right.run({"x": x})["y"])
        assert any("does not run at every size below" in bucket.finding.reason for bucket in session.buckets)


def test_what_decides_by_values_is_named() -> None:
    with zif.load(
        model("b = Greater(x, none) y = Compress(x, b)", outputs="float[k] y"), **CPU, shapes=SIZES
    ) as session:
        assert isinstance(session, BucketedSession)
        for bucket in session.buckets:
            assert bucket.finding.reason.startswith("Compress 'Compress_1' decides by values: dimension 0")


def test_two_dimensions_make_every_pair() -> None:
    session, went = run_all(model(POINTWISE), [3, 12], shapes={"x": ((1, 2), 4, (8, 16))})
    assert [bucket.shapes["x"] for bucket in session.buckets] == [(1, 4, 8), (1, 4, 16), (2, 4, 8), (2, 4, 16)]
    assert went == ["x[0]=1, x[2]=8", "x[0]=1, x[2]=16"]


def test_the_first_that_fits_into_none_is_told() -> None:
    with zif.load(model(POINTWISE), **CPU, shapes=SIZES) as session:
        for size in (5, 17, 30, 16):
            session.run({"x": np.zeros((1, 4, size), np.float32)})
        assert [event.text.split(" runs")[0] for event in session.events] == ["x [1, 4, 17] fits into no bucket and"]


def test_times_are_those_of_the_bucket_that_ran() -> None:
    with zif.load(model(POINTWISE), **CPU, shapes=SIZES) as session:
        trace: list[Any] = []
        session.run({"x": np.zeros((1, 4, 5), np.float32)}, trace=trace)
        assert [(one.segment, one.backend) for one in trace] == [(0, "reference")]


def test_samples_say_which_sizes() -> None:
    samples = [{"x": np.zeros((1, 4, size), np.float32)} for size in (3, 3, 4, 11, 12, 12)]
    with zif.load(model(POINTWISE), **CPU, buckets=2, samples=samples) as session:
        assert isinstance(session, BucketedSession)
        assert [bucket.label for bucket in session.buckets] == ["length=4", "length=12"]
    grid = Grid.of(Model.load(model(POINTWISE)), {}, 1, samples)
    assert [axis.sizes for axis in grid.axes] == [(12,)]


@pytest.mark.parametrize(
    ("shapes", "buckets", "told"),
    [
        ({"width": ((8, 16),)}, None, "no input and no dimension 'width'"),
        ({"x": (1, 5, (8, 16))}, None, "fixed to 4, not 5"),
        ({"x": (1, (8, 16))}, None, "rank 3"),
        ({"length": ((0, 4),)}, None, "whole numbers from 1"),
        ({"length": (tuple(range(1, 100)),)}, None, "64 are the most"),
        ({"N": ((1, 2),)}, None, "dimension 2 of the input 'x' is open"),
        (None, 3, "give samples"),
        (None, 0, "buckets=0"),
    ],
)
def test_sizes_that_cannot_be_are_refused(shapes: Any, buckets: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        zif.load(model(POINTWISE), **CPU, shapes=shapes, buckets=buckets)


def test_several_sizes_where_one_is_due() -> None:
    with pytest.raises(UsageError, match="several sizes"):
        Model.load(model(POINTWISE), SIZES)


def test_what_nothing_runs_at_its_real_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from zif.runtime.buckets.request import Asked

    monkeypatch.setattr(Asked, "rest", lambda *_args, **_more: "nobody takes it")
    with zif.load(model(POINTWISE), **CPU, shapes=SIZES) as session:
        assert "nobody takes it" in session.events[-1].text or "nobody takes it" in session.events[0].text
        with pytest.raises(InvalidInput, match="no bucket takes x \\[1, 4, 17\\]"):
            session.run({"x": np.zeros((1, 4, 17), np.float32)})


def test_what_was_found_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from zif.runtime.buckets import findings_cache

    monkeypatch.setenv("ZIF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tried = []
    true = findings_cache.check
    monkeypatch.setattr(findings_cache, "check", lambda *args: tried.append(1) or true(*args))
    found = []
    for _ in range(2):
        with zif.load(model(TWICE), only="reference", shapes=SIZES) as session:
            assert isinstance(session, BucketedSession)
            found.append([bucket.finding for bucket in session.buckets])
    assert tried == [1]
    assert found[0] == found[1]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = zif.compile(model(STRIDED), tmp_path / "b", only="reference", cache=False, shapes=SIZES)
    assert [built.label for built in made.buckets] == ["length=8", "length=16"]
    return made.folder


def test_a_bundle_carries_them(bundle: Path) -> None:
    with zif.load(bundle) as session, zif.load(model(STRIDED), **CPU) as right:
        assert isinstance(session, BucketedSession)
        for size, label in ((2, "length=8"), (8, "length=8"), (13, "length=16"), (20, None)):
            x = np.random.default_rng(size).standard_normal((1, 4, size)).astype(np.float32)
            bucket = session.way({"x": x}).bucket
            assert (bucket and bucket.label) == label
            np.testing.assert_allclose(session.run({"x": x})["y"], right.run({"x": x})["y"], rtol=1e-5, atol=1e-6)


def changed(bundle: Path, change: Any) -> None:
    """The bundle with another `buckets.json`, whole again by its hashes, as a stranger can make it."""

    data = json.loads((bundle / "buckets.json").read_text())
    change(data)
    text = json.dumps(data).encode()
    (bundle / "buckets.json").write_bytes(text)
    manifest = unseal((bundle / "manifest.json").read_bytes(), "manifest.json", "zif.bundle/1")
    manifest["files"]["buckets.json"] |= {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    (bundle / "manifest.json").write_bytes(seal(manifest))


HOSTILE: Mapping[str, Any] = {
    "sizes": lambda data: data["grid"]["axes"][0].update(sizes=[2**62, 2**62 + 1]),
    "many": lambda data: data["grid"]["axes"][0].update(sizes=list(range(1, 100))),
    "place": lambda data: data["grid"]["axes"][0].update(places=[["x", 7]]),
    "input": lambda data: data["grid"]["axes"][0].update(places=[["z", 0]]),
    "rule": lambda data: data["findings"]["extents"][0]["dims"].__setitem__(2, _rule(divide=0)),
    "axis": lambda data: data["findings"]["extents"][0]["dims"].__setitem__(2, _rule(axis=9)),
    "padding": lambda data: data["findings"]["points"][0].update(padding="noise"),
    "empty": lambda data: data["grid"].update(axes=[]),
    "schema": lambda data: data.update(schema="zif.buckets/9"),
    "other": lambda data: data["grid"]["axes"][0].update(sizes=[8, 17]),
}


def _rule(**change: int) -> dict[str, int]:
    return {"axis": 0, "times": 1, "add": 0, "divide": 1, "plus": 0, **change}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_strangers_document_is_a_sentence(bundle: Path, what: str) -> None:
    changed(bundle, HOSTILE[what])
    with pytest.raises(InvalidBundle, match=r"buckets\.json"):
        zif.load(bundle)
