"""PyTorch modules with quantization in them come in as QDQ, with the scales that they have; and models in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

pytestmark = pytest.mark.slow

NETS = '''
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(self.relu(self.norm(self.conv(x))).mean((2, 3)))


def trained():
    """By quantization-aware training, as FX does it."""
    from torch.ao.quantization import get_default_qat_qconfig_mapping
    from torch.ao.quantization.quantize_fx import prepare_qat_fx

    torch.manual_seed(0)
    x = torch.randn(2, 3, 16, 16)
    net = prepare_qat_fx(Net().train(), get_default_qat_qconfig_mapping("x86"), (x,))
    for _ in range(3):
        net(torch.randn(2, 3, 16, 16)).sum().backward()
    return net


def pt2e():
    """After training, by PT2E."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    torch.manual_seed(0)
    x = torch.randn(2, 3, 16, 16)
    module = torch.export.export(Net().eval(), (x,)).module()
    wanted = x86.get_default_x86_inductor_quantization_config()
    net = prepare_pt2e(module, x86.X86InductorQuantizer().set_global(wanted))
    for _ in range(3):
        net(torch.randn(2, 3, 16, 16))
    return torch.export.export(convert_pt2e(net), (x,))


def integers():
    from torch.ao.quantization.quantize_fx import convert_fx

    return convert_fx(trained().eval())
'''
#: Every scale that training has found, as the user sees it.
SCALES = """
import json, quant
from torch.ao.quantization.fake_quantize import FakeQuantizeBase
found = [one for one in quant.trained().modules() if isinstance(one, FakeQuantizeBase)]
open("scales.json", "w").write(json.dumps([one.scale.tolist() for one in found]))
"""
MEMORY = """
import json, quant, zif
made = zif.convert(quant.Net(), "net.onnx", {"x": (1, 3, 16, 16)}, compare=False)
said = []
for shapes in (None, {"y": (1,)}):
    try:
        zif.convert(quant.Net(), "no.onnx", shapes)
    except zif.UsageError as error:
        said.append(str(error))
net = quant.Net().train()
zif.convert(net, "again.onnx", {"x": (1, 3, 16, 16)}, compare=False)
open("said.json", "w").write(json.dumps([made.report.source, *said, net.training]))
"""


@pytest.fixture(scope="module")
def torch(frameworks: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    found = frameworks("torch", "zif-torch", "torchvision", "torchao")
    folder = tmp_path_factory.mktemp("quantized")
    (folder / "quant.py").write_text(NETS)
    return found, folder


def converted(torch: tuple[Any, Path], name: str, *words: str) -> tuple[Any, onnx.ModelProto]:
    found, folder = torch
    told = found.converted(folder, f"quant.py:{name}", *words, output=f"{name}.onnx")
    return told, onnx.load(folder / f"{name}.onnx")


def scales_of(model: onnx.ModelProto) -> list[np.ndarray]:
    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    wanted = ("QuantizeLinear", "DequantizeLinear")
    return [arrays[node.input[1]] for node in model.graph.node if node.op_type in wanted and node.input[1] in arrays]


def test_what_training_learned_stays(torch: tuple[Any, Path]) -> None:
    told, model = converted(torch, "trained", "--shape", "x=2,3,16,16")
    assert told["check"]["samples"] == 3
    torch[0].python("torch", SCALES, torch[1])
    learned = [np.array(one, np.float32).ravel() for one in json.loads((torch[1] / "scales.json").read_text())]
    assert len(learned) >= 5
    for scale in learned:
        assert any(one.size == scale.size and np.allclose(one.ravel(), scale) for one in scales_of(model))


def test_pt2e_comes_in_as_qdq(torch: tuple[Any, Path]) -> None:
    told, model = converted(torch, "pt2e")
    assert (told["check"]["skipped"], told["check"]["samples"]) == ("", 3)
    assert told["operators"]["QuantizeLinear"] >= 2
    assert any(one.size == 8 for one in scales_of(model))


def test_integer_kernels_say_the_way(torch: tuple[Any, Path]) -> None:
    found, folder = torch
    done = found.zif("convert", "quant.py:integers", "--shape", "x=2,3,16,16", "-o", folder / "no.onnx", cwd=folder)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "give the module as it was before `convert`" in " ".join(done.stderr.split())


def test_a_module_in_memory_is_spoken_of_as_such(torch: tuple[Any, Path]) -> None:
    found, folder = torch
    found.python("torch", MEMORY, folder)
    source, unshaped, unknown, training = json.loads((folder / "said.json").read_text())
    assert source == "the given Net"
    assert "give shapes={'x': (1, 3, 224, 224)}" in unshaped
    assert "the given Net has no input 'y'; it has x" in unknown
    assert training
