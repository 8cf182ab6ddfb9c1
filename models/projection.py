"""PCA projection of embeddings onto unit vectors."""

import io
import math
import zipfile
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from models.errors import BundleCorrupt

_ARRAYS = ("mean", "components", "explained_variance_ratio")
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class Projection:
    """A fitted PCA.

    Attributes:
        mean: float32 (d_cnn,).
        components: float32 (d_pca, d_cnn), orthogonal rows, largest variance first; of length 1, or where the
            fit whitens the longer the smaller their variance.
        explained_variance_ratio: float32 (d_pca,), share of the total variance a component.
    """

    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    explained_variance_ratio: npt.NDArray[np.float32]

    @property
    def d_cnn(self) -> int:
        """Length of an embedding."""
        return int(self.components.shape[1])

    @property
    def d_pca(self) -> int:
        """Length of a projected vector."""
        return int(self.components.shape[0])

    def project(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Project and scale to unit length.

        Args:
            embeddings: float32 (n, d_cnn).

        Returns:
            float32 (n, d_pca), every row of length 1; a row depends on its embedding alone.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.d_cnn:
            raise ValueError(f"Expected embeddings (n, {self.d_cnn}), got {embeddings.shape}.")
        centred = embeddings.astype(np.float64) - self.mean
        projected = np.empty((len(centred), self.d_pca))
        for row, embedding in enumerate(centred):  # one product a row: a batch may be summed in another order
            projected[row] = self._exact_components @ embedding
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return (projected / np.maximum(lengths, 1e-12)).astype(np.float32)

    @cached_property
    def _exact_components(self) -> npt.NDArray[np.float64]:
        return self.components.astype(np.float64)

    def to_npz(self) -> bytes:
        """Serialise without pickle."""
        return write_npz({name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def from_npz(cls, data: bytes) -> "Projection":
        """Read what `to_npz` wrote.

        Raises:
            BundleCorrupt: arrays are missing or their shapes disagree.
        """
        arrays = read_npz(data, "projection.npz")
        if set(arrays) != set(_ARRAYS):
            raise BundleCorrupt(
                f"projection.npz: expected the arrays {', '.join(_ARRAYS)}, found "
                f"{', '.join(sorted(arrays))}."
            )
        projection = cls(**{name: arrays[name].astype(np.float32) for name in _ARRAYS})
        d_pca, d_cnn = projection.components.shape if projection.components.ndim == 2 else (-1, -1)
        if projection.mean.shape != (d_cnn,) or projection.explained_variance_ratio.shape != (d_pca,):
            raise BundleCorrupt(
                "projection.npz: mean, components and explained_variance_ratio disagree in shape."
            )
        return projection


def write_npz(arrays: dict[str, npt.NDArray[np.generic]]) -> bytes:
    """Serialise arrays to the bytes of an `.npz`: the same arrays give the same bytes, whenever they are
    written.
    """
    out = io.BytesIO()
    np.savez(out, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]  # stub confuses **arrays with allow_pickle
    return out.getvalue()


def read_npz(data: bytes, name: str) -> dict[str, npt.NDArray[np.generic]]:
    """Read the bytes of an `.npz`, never unpickling; what they decode to is no larger than they are.

    Raises:
        BundleCorrupt: not an `.npz`, one that holds Python objects, or arrays that would be larger than the
            bytes they come from.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > len(data):
                raise ValueError("it is compressed, or its arrays overlap; arrays are stored as they are")
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}
    except (ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        raise BundleCorrupt(f"{name} cannot be read: {error}") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[np.generic]:
    """Read an array after its header was found to ask for no more memory than there are bytes."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{member.filename} is of npy version {version}")
        shape, _, dtype = _HEADERS[version](file)
        if math.prod(shape) * max(1, dtype.itemsize) > member.file_size:
            raise ValueError(
                f"{member.filename} says it holds {dtype} {shape}, its bytes are {member.file_size}"
            )
        file.seek(0)
        array: npt.NDArray[np.generic] = npy.read_array(file, allow_pickle=False)
    return array
