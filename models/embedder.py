"""Runs a network on framed photos: the one piece of inference code that batch and API share."""

import hashlib
import math
import threading
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.errors import NetworkError

_MAX_TENSOR_BYTES = 1 << 28
_MAX_TENSORS_BYTES = 1 << 32


def network_hash(network: bytes) -> str:
    """Name a network by its content: hex SHA-256 of the file."""
    return hashlib.sha256(network).hexdigest()


class Embedder:
    """A LiteRT network from uint8 photos to pooled features; safe to call from several threads, one at a time
    inside.

    Attributes:
        input_size: side of the square photo in pixels.
        d_cnn: length of an embedding.
        input_scale: what a step of an input byte means, and the byte that means zero; (1, 0) reads bytes as
            they are.
    """

    def __init__(self, interpreter: Interpreter, output: dict[str, Any]) -> None:
        detail = interpreter.get_input_details()[0]
        self._interpreter = interpreter
        self._input_index = int(detail["index"])
        self._output_index = int(output["index"])
        self._scale, self._zero_point = output["quantization"]
        self._lock = threading.Lock()
        scale, zero_point = detail["quantization"]
        self.input_scale = (float(scale), int(zero_point)) if scale else (1.0, 0)
        self.input_size = int(detail["shape"][1])
        self.d_cnn = int(output["shape"][-1])

    @classmethod
    def load(cls, network: bytes, feature_tensor: str | None = None, threads: int = 1) -> Self:
        """Open a network file.

        Args:
            network: a `.tflite` whose input is uint8 (n, side, side, 3) RGB and that holds its own
                preprocessing.
            feature_tensor: name of the tensor to read as the embedding; the first output if None.
            threads: inference threads; one a worker beats more on a busy machine.

        Raises:
            NetworkError: not a LiteRT file, an input of another kind, no such tensor, or tensors that
                would fill the memory.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # it warns that keeping inner tensors costs memory
                interpreter = Interpreter(
                    model_content=network,
                    num_threads=threads,
                    experimental_preserve_all_tensors=feature_tensor is not None,
                )
            _check_size(interpreter)  # what the file says of itself ...
            interpreter.allocate_tensors()
            _check_size(interpreter)  # ... and what its operators make of it, before anything is written
        except (ValueError, RuntimeError) as error:
            raise NetworkError(
                f"Expected a LiteRT network (.tflite) that runs on this CPU: {error}"
            ) from error
        detail = interpreter.get_input_details()[0]
        shape = [int(side) for side in detail["shape"]]
        if detail["dtype"] != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise NetworkError(
                "Expected a network that takes uint8 (n, side, side, 3), but this one takes "
                f"{np.dtype(detail['dtype']).name} {tuple(shape)}."
            )
        return cls(interpreter, _output(interpreter, feature_tensor))

    def embed(self, photos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Compute features of framed photos.

        Args:
            photos: uint8 (n, input_size, input_size, 3) RGB, from `photo.fit`.

        Returns:
            float32 (n, d_cnn); a row depends on its photo alone, whatever the batch.
        """
        expected = (self.input_size, self.input_size, 3)
        if photos.dtype != np.uint8 or photos.shape[1:] != expected:
            raise ValueError(
                f"Expected uint8 (n, {', '.join(map(str, expected))}), got {photos.dtype} {photos.shape}."
            )
        features = np.empty((len(photos), self.d_cnn), np.float32)
        with self._lock:
            for row, photo in enumerate(photos):
                self._interpreter.set_tensor(self._input_index, photo[None])
                self._interpreter.invoke()
                features[row] = self._real(self._interpreter.get_tensor(self._output_index)).reshape(
                    self.d_cnn
                )
        return features

    def _real(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if values.dtype == np.float32:
            return values
        return (values.astype(np.float32) - np.float32(self._zero_point)) * np.float32(self._scale)


def _check_size(interpreter: Interpreter) -> None:
    """Refuse a network that would fill the memory once it runs.

    Raises:
        ValueError: its tensors are larger than any network's for photos of a phone.
    """
    sizes = [
        math.prod(int(side) for side in detail["shape"]) * np.dtype(detail["dtype"]).itemsize
        for detail in interpreter.get_tensor_details()
    ]
    if max(sizes) > _MAX_TENSOR_BYTES or sum(sizes) > _MAX_TENSORS_BYTES:
        raise ValueError(
            f"a tensor takes {max(sizes)} bytes and all of them {sum(sizes)}; "
            f"at most {_MAX_TENSOR_BYTES} and {_MAX_TENSORS_BYTES} were expected"
        )


def _output(interpreter: Interpreter, feature_tensor: str | None) -> dict[str, Any]:
    if feature_tensor is None:
        return dict(interpreter.get_output_details()[0])
    details = interpreter.get_tensor_details()
    for detail in details:
        if detail["name"] == feature_tensor:
            return dict(detail)
    pooled = [detail["name"] for detail in details if len(detail["shape"]) == 2 and detail["shape"][-1] > 64]
    raise NetworkError(
        f"The network has no tensor {feature_tensor!r}; those that look like features: "
        f"{', '.join(pooled) or 'none'}."
    )
