"""Where somebody speaks in the first three seconds, chunk by chunk and at once, as silero-vad finds it."""

import sys
import wave

import numpy as np
import torch
from silero_vad import get_speech_timestamps, get_speech_timestamps_sequence, load_silero_vad

with wave.open(sys.argv[1]) as file:
    samples = np.frombuffer(file.readframes(48000), np.int16).astype(np.float32) / 32768
audio = torch.from_numpy(samples)
print(get_speech_timestamps(audio, load_silero_vad(onnx=True)))
print(get_speech_timestamps_sequence(audio, load_silero_vad(sequence=True)))
