"""Writes MobileNetV2 as Keras builds it, quantized to int8 per channel by TFLite's own converter."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # type: ignore[import-not-found]
import numpy as np
import tensorflow as tf  # type: ignore[import-not-found]

keras.utils.set_random_seed(0)
net = keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=10)


def pictures():  # type: ignore[no-untyped-def]
    for seed in range(8):
        yield [np.random.default_rng(seed).uniform(-1, 1, (1, 96, 96, 3)).astype(np.float32)]


converter = tf.lite.TFLiteConverter.from_keras_model(net)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = pictures
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
with open("mobilenet-int8.tflite", "wb") as file:
    file.write(converter.convert())
