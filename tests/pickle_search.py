"""Finds pickles in what the product has written."""

import io
import pickletools
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_SMALLEST_BYTES = 2


def pickled(data: bytes) -> bool:
    """Tell whether bytes are one pickle from their first to their last."""
    if len(data) < _SMALLEST_BYTES or not data.endswith(b"."):
        return False
    try:
        *_, (_, _, last) = pickletools.genops(io.BytesIO(data))
    except Exception:  # noqa: BLE001 - whatever a parser raises on what is no pickle
        return False
    return last == len(data) - 1


def pickles_in(path: Path) -> list[str]:
    """List the pickles in a file: all of it, a member of an archive, an object array, a value of a table."""
    data = path.read_bytes()
    found = [path.name] if pickled(data) else []
    if data.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                member = archive.read(name)
                objects = member.startswith(b"\x93NUMPY") and b"'|O'" in member[:200]
                found += [f"{path.name}/{name}"] if objects or pickled(member) else []
    if data.startswith(b"PAR1"):
        table = pq.read_table(path)
        for value in (table.schema.metadata or {}).values():
            found += [f"{path.name} (its metadata)"] if pickled(value) else []
        for column in table.itercolumns():
            if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
                found += [path.name for value in column.to_pylist() if value and pickled(value)]
    return found
