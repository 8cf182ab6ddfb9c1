"""Nearest neighbours among the projected vectors of the corpus, by cosine similarity."""

from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from models.errors import BundleCorrupt

# Its type stubs describe C++, not what its Python adds: selectors of arrays, parameters by name.
_FAISS: Any = faiss


class Neighbours:
    """A FAISS index over unit vectors; row i of the index is row i of the bundle's rows."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index
        self._asked = int(index.ntotal)
        self._parameters: faiss.SearchParameters | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> "Neighbours":
        """Read `index.faiss`.

        Raises:
            BundleCorrupt: not a FAISS index by inner product.
        """
        # A length written in the file is believed only as far as the file is long.
        faiss.set_deserialization_vector_byte_limit(len(data))
        try:
            index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        except RuntimeError as error:
            raise BundleCorrupt(f"index.faiss cannot be read: {error}") from error
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise BundleCorrupt("index.faiss does not search by inner product.")
        return cls(index)

    def to_bytes(self) -> bytes:
        """Serialise as FAISS does."""
        return bytes(faiss.serialize_index(self._index))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def without(self, left_out: npt.NDArray[np.bool_]) -> "Neighbours":
        """The same index, whose searches never find the given rows: bool (rows,). Rows keep their numbers."""
        other = Neighbours(self._index)
        selector = _FAISS.IDSelectorBitmap(np.packbits(~left_out, bitorder="little"))
        if isinstance(self._index, faiss.IndexIVF):
            other._parameters = _FAISS.SearchParametersIVF(sel=selector, nprobe=self._index.nprobe)
        else:
            other._parameters = _FAISS.SearchParameters(sel=selector)
        other._asked = int((~left_out).sum())
        return other

    @property
    def d_pca(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def search(
        self, vectors: npt.NDArray[np.float32], count: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Find the most similar rows.

        Args:
            vectors: float32 (n, d_pca), unit length.
            count: neighbours a vector; fewer come back when the index is smaller.

        Returns:
            Cosine similarities float32 (n, k) and rows int64 (n, k), best first.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.d_pca:
            raise ValueError(f"Expected vectors (n, {self.d_pca}), got {vectors.shape}.")
        # Requests and tasks run side by side: one thread each beats several a query, which wait for one
        # another in a loop. OpenMP keeps the number for the calling thread alone: whoever searches sets it.
        faiss.omp_set_num_threads(1)
        similarities, rows = self._index.search(
            np.ascontiguousarray(vectors, np.float32), min(count, self._asked), params=self._parameters
        )
        return np.clip(similarities, -1.0, 1.0), rows
