"""Writes Keras networks without pretrained weights as ONNX files, by tf2onnx: images in NHWC, with the transposes that it adds.

    python -m venv .venv-tensorflow && .venv-tensorflow/bin/pip install tensorflow-cpu==2.21.0 tf2onnx==1.17.0
    .venv-tensorflow/bin/python scripts/reference/tensorflow_nets.py FOLDER
    .venv/bin/python scripts/reference/networks.py --model keras_mobilenet_v2-tf2onnx Keras FOLDER/keras_mobilenet_v2-tf2onnx.onnx

It has its own environment because TensorFlow and PyTorch often have conflicting dependencies.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tensorflow import keras
from tensorflow.keras import layers

CLASSES = 10
SIZE = 32


def mobilenet_v2() -> keras.Model:
    return keras.applications.MobileNetV2((SIZE, SIZE, 3), alpha=0.35, weights=None, classes=CLASSES, classifier_activation=None)


def residual() -> keras.Model:
    """Convolutions that pad to the same size, asymmetrically if the stride is 2; both poolings; a separable convolution."""
    x = inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.SeparableConv2D(16, 3, padding="same")(x)
    x = layers.Add()([x, layers.Activation("swish")(layers.BatchNormalization()(y))])
    x = layers.Concatenate()([layers.MaxPooling2D(3, 2, "same")(x), layers.AveragePooling2D(2)(x)])
    x = layers.LeakyReLU()(layers.BatchNormalization()(layers.Conv2D(24, 3, padding="same")(x)))
    x = layers.Conv2DTranspose(16, 2, strides=2, padding="same")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(layers.PReLU(shared_axes=[1, 2])(x))
    x = layers.Dense(32, activation="elu")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def gelu(x):
    """By tanh: Keras uses Erfc for the exact one, which tf2onnx does not support."""
    return keras.activations.gelu(x, approximate=True)


def attention() -> keras.Model:
    """Patches, two blocks of attention and feed-forward network, the mean."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = layers.Reshape((16, 32))(layers.Conv2D(32, 8, strides=8)(inputs))
    for _ in range(2):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 16)(y, y)])
        y = layers.Dense(64, activation=gelu)(layers.LayerNormalization(epsilon=1e-6)(x))
        x = layers.Add()([x, layers.Dense(32)(y)])
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.GlobalAveragePooling1D()(x)))


def drawn(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moves biases and the like away from zero and one, which hide mistakes; makes kernels large enough that no layer's output vanishes."""
    if value.ndim == 1:
        return value + rng.uniform(-0.2, 0.2, value.shape)
    is_depthwise = value.ndim == 4 and value.shape[-1] == 1
    inputs = np.prod(value.shape[:2] if is_depthwise else value.shape[:-1])
    return rng.uniform(-1, 1, value.shape) * np.sqrt(5 / inputs)


def export(net: keras.Model) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    net.set_weights([drawn(value, rng).astype(np.float32) for value in net.get_weights()])
    function = tf.function(
        lambda input: {"logits": net(input, training=False)}, input_signature=[tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32, name="input")],
    )
    return tf2onnx.convert.from_function(function, function.input_signature, opset=13)[0]


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in {"keras_mobilenet_v2": mobilenet_v2, "keras_residual": residual, "keras_attention": attention}.items():
        model = export(build())
        onnx.save(model, folder / f"{name}-tf2onnx.onnx")
        print(name, " ".join(sorted({node.op_type for node in model.graph.node})))
