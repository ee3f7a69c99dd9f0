"""Notes in a wave file, as basic-pitch's own prediction tells them."""

import logging
import sys
from pathlib import Path

logging.disable(logging.WARNING)  # it tells which other engines are not installed

import basic_pitch  # noqa: E402
from basic_pitch.inference import Model, predict  # noqa: E402

model = Model(Path(basic_pitch.__file__).parent / "saved_models/icassp_2022/nmp.onnx")
_, _, notes = predict(sys.argv[1], model)
for start, end, pitch, loudness, _ in sorted(notes, key=lambda note: (note[0], note[2])):
    print(f"{start:.2f} {end:.2f} {pitch} {loudness:.1f}")
