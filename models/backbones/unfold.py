"""Turn an int8 MobileNetV2 `.tflite` back into trainable Keras weights.

Quantisation folds each batch normalisation into its convolution. Unfolding dequantises the convolutions and
sets each batch normalisation
so that it changes nothing at first: its moving statistics are those of a calibration batch, and gamma and
    beta undo them. The features
are those of the folded network; training goes on from there with statistics that mean something.
"""

import keras
import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.errors import NetworkError

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
Convolution = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def unfold(network: bytes, body: keras.Model, calibration: npt.NDArray[np.uint8]) -> None:
    """Load the convolutions of a quantised MobileNetV2 into `keras.applications.MobileNetV2`.

    Args:
        network: the `.tflite` file.
        body: keras.applications.MobileNetV2 of the same width, without top; changed in place.
        calibration: uint8 (n, size, size, 3) photos at the body's input size; they only set the scale of the
            batch statistics.

    Raises:
        NetworkError: the file holds other convolutions than the body.
    """
    convolutions = _dequantised(network)
    layers = [
        layer
        for layer in body.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D))
    ]
    norms = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    if len(convolutions) < len(layers) or len(norms) != len(layers):
        raise NetworkError(
            f"Expected a MobileNetV2 with {len(layers)} convolutions, but the file holds {len(convolutions)}."
        )
    for layer, norm, (kernel, bias) in zip(layers, norms, convolutions, strict=False):
        if layer.get_weights()[0].shape != kernel.shape:
            raise NetworkError(
                f"{layer.name} takes a kernel of {layer.get_weights()[0].shape}, but the file holds "
                f"{kernel.shape}."
            )
        layer.set_weights([kernel])
        zeros, ones = np.zeros_like(bias), np.ones_like(bias)
        norm.set_weights([ones, bias, zeros, ones - norm.epsilon])
    outputs = keras.Model(body.input, [layer.output for layer in layers])(
        calibration.astype(np.float32) / 127.5 - 1.0, training=False
    )
    for norm, output, (_, bias) in zip(norms, outputs, convolutions, strict=False):
        values = np.asarray(keras.ops.cast(output, "float32"))
        mean, variance = values.mean((0, 1, 2)), values.var((0, 1, 2))
        deviation = np.sqrt(variance + norm.epsilon)
        norm.set_weights([deviation, bias + mean, mean, variance])


def _dequantised(network: bytes) -> list[Convolution]:
    """Kernels in Keras' order of axes, and biases, of every convolution in the order of the graph."""
    interpreter = Interpreter(model_content=network)
    interpreter.allocate_tensors()
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}

    def real(index: int) -> npt.NDArray[np.float32]:
        scales = tensors[index]["quantization_parameters"]
        values = interpreter.get_tensor(index).astype(np.float32)
        if not len(scales["scales"]):
            return values
        shape = [1] * values.ndim
        shape[int(scales["quantized_dimension"])] = -1
        return np.float32(values - scales["zero_points"].reshape(shape)) * scales["scales"].astype(
            np.float32
        ).reshape(shape)

    found = []
    for operation in (
        interpreter._get_ops_details()
    ):  # the public interface lists tensors, but not which operation uses them
        if operation["op_name"] not in _CONVOLUTIONS:
            continue
        _, kernel, bias = operation["inputs"][:3]
        found.append((np.ascontiguousarray(real(kernel).transpose(1, 2, 3, 0)), real(bias)))
    return found
