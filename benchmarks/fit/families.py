"""Which graphs are kin: what is left out together, so that no prediction leans on a sibling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_KIN: Final = {
    "CLIP": "openai_clip",
    "ConvNeXt": "convnext_tiny convnext_base",
    "CRAFT": "easyocr__detector",
    "CRNN": "easyocr__recognizer",
    "DenseNet": "densenet121",
    "Depth Anything": "depth_anything",
    "DETR": "detr_resnet50 detr_resnet101 conditional_detr_resnet50",
    "DLA": "dla102x",
    "EfficientNet": "efficientnet_b0 efficientnet_b4 efficientnet_v2_s",
    "EfficientViT": "efficientvit_b2_cls efficientvit_l2_cls",
    "Inception": "googlenet inception_v3",
    "LeViT": "levit",
    "Marian": "opus_mt_en_es__encoder opus_mt_en_es__decoder",
    "MiniLM": "minilm_v2",
    "MobileNet": "mobilenet_v2 mobilenet_v3_large mobilenet_v3_small mnasnet05",
    "MobileViT": "mobile_vit",
    "NASNet": "nasnet",
    "RegNet": "regnet",
    "ResNet": "resnet18 resnet50 resnet101 resnext50 resnext101 wideresnet50 fcn_resnet50",
    "ResNet, video": "resnet_3d resnet_mixed resnet_2plus1d",
    "SegFormer": "segformer_base",
    "ShuffleNet": "shufflenet_v2",
    "SqueezeNet": "squeezenet1_1",
    "Swin": "swin_tiny swin_small swin_base",
    "TrOCR decoder": "trocr__decoder",
    "VideoMAE": "video_mae",
    "ViT": "vit beit trocr__encoder",
    "Whisper": "whisper_tiny__encoder whisper_tiny__decoder",
}
_OF: Final[Mapping[str, str]] = {model: family for family, models in _KIN.items() for model in models.split()}


def family(model: str) -> str:
    """The family of a graph; a graph that is not listed is a family of its own."""
    return _OF.get(model, model)
