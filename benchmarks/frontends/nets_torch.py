"""PyTorch's models of the table; run as a script where PyTorch is, it exports each as its documentation says."""

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from by_zif import by_zif
from torch import nn


class SimpleModel(nn.Module):
    """The tutorial's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.relu, self.pool, self.fc = nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.conv2(self.relu(self.conv1(x)))))
        made: torch.Tensor = self.fc(x.view(x.size(0), -1))
        return made


class Rnn(nn.Module):
    """An LSTM in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.out = nn.LSTM(8, 16, batch_first=True, bidirectional=True), nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.out(self.cells(x)[0])
        return made


class Branch(nn.Module):
    """What is computed hangs on the values."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if x.sum() > 0 else x - 1


class Boxes(nn.Module):
    """torchvision's suppression of boxes that overlap."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torchvision.ops import nms

        corners = torch.cat((x[:, :2], x[:, :2] + x[:, 2:4].abs() + 0.5), 1)
        made: torch.Tensor = corners[nms(corners, x[:, 4], 0.4)]
        return made


class Ssd(nn.Module):
    """torchvision's SSDLite with its head: a row for each box, with its score and class."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.detection import ssdlite320_mobilenet_v3_large

        self.net = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        detections = self.net([x])[0]
        return torch.cat((detections["boxes"], detections["scores"][:, None], detections["labels"][:, None]), 1)


class Quantized(nn.Module):
    """To be quantized."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.fc(self.relu(self.conv(x)).mean((2, 3)))
        return made


#: Name, what it shows, the class, the shape of its input.
ROWS = (
    ("simple", "the tutorial's model, opset 11", SimpleModel, (1, 3, 64, 64)),
    ("rnn", "LSTM in both directions", Rnn, (1, 7, 8)),
    ("branch", "a branch on values", Branch, (1, 8)),
    ("boxes", "torchvision's nms", Boxes, (32, 5)),
    ("ssd", "torchvision's SSDLite with its head", Ssd, (3, 320, 320)),
    ("trained", "quantization-aware training", Quantized, (2, 3, 16, 16)),
)


def make(kind: type[nn.Module]) -> nn.Module:
    """With weights of one seed."""
    torch.manual_seed(0)
    return kind().eval()


def simple() -> nn.Module:
    return make(SimpleModel)


def rnn() -> nn.Module:
    return make(Rnn)


def branch() -> nn.Module:
    return make(Branch)


def boxes() -> nn.Module:
    return make(Boxes)


def ssd() -> nn.Module:
    return make(Ssd)


def trained() -> nn.Module:
    from torch.ao.quantization import get_default_qat_qconfig_mapping
    from torch.ao.quantization.quantize_fx import prepare_qat_fx

    torch.manual_seed(0)
    net = prepare_qat_fx(Quantized().train(), get_default_qat_qconfig_mapping("x86"), (torch.randn(2, 3, 16, 16),))
    for _ in range(3):
        net(torch.randn(2, 3, 16, 16))
    made: nn.Module = net.eval()
    return made


def _tried(name: str, shape: tuple[int, ...], folder: Path) -> dict[str, Any]:
    """zif, and torch.onnx.export as the tutorial calls it; values go into a file for who holds it against them."""
    model = globals()[name]()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        right = copy.deepcopy(model)(x)
    np.savez(folder / f"{name}.npz", x=x.numpy(), y=right.numpy())
    shapes, opset = {"x": shape}, 11 if name == "simple" else 0
    ours = by_zif(globals()[name](), folder, shapes=shapes, opset=opset)
    try:
        torch.onnx.export(model, (x,), str(folder / f"{name}.onnx"), opset_version=opset or None)
    except Exception as error:
        return {"ours": ours, "refused": re.sub("\x1b\\[[0-9;]*m", "", str(error)).strip().splitlines()[0][:90]}
    return {"ours": ours, "asked": opset}


if __name__ == "__main__":
    place = Path(sys.argv[1])
    (place / "alone.json").write_text(json.dumps({name: _tried(name, shape, place) for name, _, _, shape in ROWS}))
