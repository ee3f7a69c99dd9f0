"""Run by `zoo.made` where scikit-learn is: trains on its digits and writes ONNX files and the rows held back.

python train_digits.py OUT_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

out = Path(sys.argv[1])
pixels, digit = load_digits(return_X_y=True)
learn, test, learn_digit, test_digit = train_test_split(pixels.astype(np.float32), digit, test_size=0.3, random_state=0)
np.savez(out / "digits.npz", pixels=test, digit=test_digit)
learners = {
    "forest": RandomForestClassifier(n_estimators=20, random_state=0),
    "svm": SVC(gamma=0.001),
    "neighbours": KNeighborsClassifier(3),
}
for name, learner in learners.items():
    learner.fit(learn, learn_digit)
    model = to_onnx(
        learner, initial_types=[("pixels", FloatTensorType([None, 64]))], options={"zipmap": False}, target_opset=18
    )
    model.graph.output[0].name, old = "digit", model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["digit" if output == old else output for output in node.output]
    (out / f"{name}.onnx").write_bytes(model.SerializeToString())
