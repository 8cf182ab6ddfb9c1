"""The bundle's `rows.parquet`: what each vector of the index shows, and where it came from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import BundleCorrupt
from models.records import Label

_COLUMNS = ("fruit", "variety", "image", "path", "credit")


@dataclass(frozen=True)
class Rows:
    """One row a vector of the index, in its order.

    Attributes:
        labels: what each photo shows.
        images: image ids, such as `phone/Apple/Granny-Smith/12`.
        paths: relative to the corpus root.
        credits: whom to name beside the photo; empty when nobody said.
    """

    labels: Sequence[Label]
    images: Sequence[str]
    paths: Sequence[str]
    credits: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def positions(self, fruits: Sequence[str]) -> npt.NDArray[np.int64]:
        """Each row's position among `fruits`, -1 for a fruit that is not there: int64 (n,)."""
        order = {fruit: position for position, fruit in enumerate(fruits)}
        return np.array([order.get(label.fruit, -1) for label in self.labels], np.int64)

    def to_parquet(self) -> bytes:
        """Serialise; names that repeat are stored once."""
        table = pa.table(
            {
                "fruit": pa.array([label.fruit for label in self.labels], pa.string()),
                "variety": pa.array([label.variety for label in self.labels], pa.string()),
                "image": pa.array(self.images, pa.string()),
                "path": pa.array(self.paths, pa.string()),
                "credit": pa.array(self.credits, pa.string()),
            }
        )
        out = io.BytesIO()
        pq.write_table(table, out, compression="zstd", compression_level=9)
        return out.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes) -> "Rows":
        """Read what `to_parquet` wrote.

        Raises:
            BundleCorrupt: not a parquet file with these columns.
        """
        try:
            table = pq.read_table(io.BytesIO(data), columns=list(_COLUMNS)).to_pydict()
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BundleCorrupt(f"rows.parquet cannot be read: {error}") from error
        if missing := set(_COLUMNS) - set(table):
            raise BundleCorrupt(f"rows.parquet lacks the columns {', '.join(sorted(missing))}.")
        labels = tuple(
            Label(fruit, variety) for fruit, variety in zip(table["fruit"], table["variety"], strict=True)
        )
        return cls(labels, tuple(table["image"]), tuple(table["path"]), tuple(table["credit"]))
