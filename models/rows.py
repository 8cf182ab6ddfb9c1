"""The bundle's `rows.parquet`: what each vector of the index shows, and where it came from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import BundleCorrupt
from models.records import Label

_COLUMNS = ("fruit", "variety", "image", "path", "credit")
_KEPT_APART = "kept_apart"
_TEXTS = pa.dictionary(pa.int32(), pa.string())
_ALLOWED_BYTES = 1_000_000
_ALLOWED_BYTES_A_ROW = 4_096


@dataclass(frozen=True)
class Rows:
    """One row a vector of the index, in its order.

    Attributes:
        labels: what each photo shows.
        images: image ids, such as `phone/Apple/Granny-Smith/12`.
        paths: relative to the corpus root.
        credits: whom to name beside the photo; empty when nobody said.
        kept_apart: whether the bundle was measured on the photo, and nothing but the index holds it.
    """

    labels: Sequence[Label]
    images: Sequence[str]
    paths: Sequence[str]
    credits: Sequence[str]
    kept_apart: Sequence[bool]

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
                _KEPT_APART: pa.array(self.kept_apart, pa.bool_()),
            }
        )
        out = io.BytesIO()
        pq.write_table(table, out, compression="zstd", compression_level=9)
        return out.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, count: int | None = None) -> "Rows":
        """Read what `to_parquet` wrote.

        Bundles from before photos kept apart joined the index do not tell them: theirs hold none.

        Args:
            data: the file.
            count: how many rows there must be; None takes any number.

        Raises:
            BundleCorrupt: not a parquet file with these columns, of another number of rows, or one whose rows
                would be far larger in memory than rows are.
        """
        try:
            # Each name is decoded once, however many rows bear it.
            with pq.ParquetFile(io.BytesIO(data), read_dictionary=list(_COLUMNS)) as file:
                _check_size(file.metadata, count)
                if missing := set(_COLUMNS) - set(file.schema_arrow.names):
                    raise BundleCorrupt(f"rows.parquet lacks the columns {', '.join(sorted(missing))}.")
                told = [name for name in (_KEPT_APART,) if name in file.schema_arrow.names]
                table = file.read(columns=[*_COLUMNS, *told], use_threads=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise BundleCorrupt(f"rows.parquet cannot be read: {error}") from error
        if wrong := [name for name in _COLUMNS if table.column(name).type != _TEXTS]:
            raise BundleCorrupt(f"rows.parquet: {', '.join(wrong)} must hold texts.")
        if told and table.column(_KEPT_APART).type != pa.bool_():
            raise BundleCorrupt(f"rows.parquet: {_KEPT_APART} must hold true or false.")
        texts = {name: _texts(table.column(name)) for name in _COLUMNS}
        labels = tuple(
            Label(fruit, variety) for fruit, variety in zip(texts["fruit"], texts["variety"], strict=True)
        )
        kept_apart = table.column(_KEPT_APART).to_pylist() if told else [False] * len(labels)
        return cls(
            labels,
            tuple(texts["image"]),
            tuple(texts["path"]),
            tuple(texts["credit"]),
            tuple(map(bool, kept_apart)),
        )


def _check_size(metadata: pq.FileMetaData, count: int | None) -> None:
    if count is not None and metadata.num_rows != count:
        raise BundleCorrupt(f"rows.parquet holds {metadata.num_rows} rows, expected {count}.")
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    decoded = sum(
        group.column(place).total_uncompressed_size for group in groups for place in range(group.num_columns)
    )
    allowed = _ALLOWED_BYTES + metadata.num_rows * _ALLOWED_BYTES_A_ROW
    if decoded > allowed:
        raise BundleCorrupt(
            f"rows.parquet: {metadata.num_rows} rows would take {decoded} bytes, more than {allowed}."
        )


def _texts(column: pa.ChunkedArray) -> list[Any]:
    """The texts of a column, each of its dictionary's texts one object."""
    found: list[Any] = []
    for chunk in column.chunks:
        known = chunk.dictionary.to_pylist()
        # Not by `fill_null`, whose scalar makes pyarrow import pandas where it is installed: 50 MB a worker.
        places = chunk.indices.to_pylist()
        found += [None if place is None else known[place] for place in places]
    return found
