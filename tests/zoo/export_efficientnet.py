"""Run by `zoo.made` where PyTorch is: weights and network code in, an ONNX file of opset 20 out.

python export_efficientnet.py OUT_FOLDER CODE_FOLDER WEIGHTS
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, sys.argv[2])
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-not-found]

model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=sys.argv[3]).eval()
torch.onnx.export(
    model,
    (torch.zeros(2, 3, 224, 224),),
    Path(sys.argv[1]) / "efficientnet-lite0.onnx",
    input_names=["image"],
    output_names=["logits"],
    opset_version=20,
    dynamic_shapes=({0: torch.export.Dim("batch")},),
    external_data=False,
    dynamo=True,
)
