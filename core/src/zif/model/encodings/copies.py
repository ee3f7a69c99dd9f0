"""Values that a quantizer writes once per reader: whose copies they are."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from zif.model.encodings.operators import BIASED


def copies(graph: onnx.GraphProto) -> Iterator[tuple[str, str]]:
    """Values that may be copies for one node, and what they would be copies of.

    Those of biases are not among them: the scale of a bias is that of its reader.
    """
    for node in graph.node:
        for place, name in enumerate(node.input):
            owner = next(
                (label for label in (node.name, node.output[0]) if label and name.endswith(f"_of_{label}")), ""
            )
            if owner and not (node.op_type in BIASED and place == 2):
                yield name, name.removesuffix(f"_of_{owner}")
