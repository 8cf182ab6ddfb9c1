"""Bundles that must not be served: each file flipped, cut short, swapped or missing, manifests that lie, and
files that decode to more memory than any machine has, sealed with their right hashes.
"""

import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib import format as npy

from models.bundle import FILES, MANIFEST, read_manifest, seal
from models.manifest import MAX_MANIFEST_BYTES
from models.rows import Rows

_SEALED = ("schema_version", "version", "created_at", "files")
_BOMB_CHUNK = bytes(1 << 20)
_BOMB_CHUNKS = 400
_MANY_ROWS = 10_000_000
_LONG_TEXT = 100_000_000


@dataclass(frozen=True)
class Damaged:
    """A bundle that must be refused.

    Attributes:
        kind: what was done, such as `flipped`.
        name: the file it was done to, which the refusal must name.
        folder: the bundle; overwritten by the next one.
    """

    kind: str
    name: str
    folder: Path


def damaged_bundles(
    good: Path, other: Path, folder: Path, chance: random.Random, flips: int, cuts: int
) -> Iterator[Damaged]:
    """Give a bundle damaged in every way, one after the other.

    Args:
        good: a sealed bundle.
        other: another version.
        folder: where the damaged one is written.
        chance: draws bits and lengths.
        flips: random bits a file, each in a bundle of its own.
        cuts: random lengths a file.
    """

    def anew() -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(good, folder))

    for name in (*FILES, MANIFEST):
        for _ in range(flips):
            _flip(anew() / name, chance)
            yield Damaged("flipped", name, folder)
        for _ in range(cuts):
            path = anew() / name
            path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])
            yield Damaged("cut short", name, folder)
        shutil.copyfile(other / name, anew() / name)
        if (folder / name).read_bytes() != (good / name).read_bytes():
            yield Damaged("swapped with another version's", name, folder)
        (anew() / name).unlink()
        yield Damaged("missing", name, folder)
    for schema in (0, 2, 99, "1", None):
        _rewrite(anew(), lambda raw, schema=schema: raw.update(schema_version=schema))
        yield Damaged("of another schema", MANIFEST, folder)
    for name, lie in _LIES.items():
        _rewrite(anew(), lie)
        yield Damaged("lying manifest", name.partition(":")[0], folder)
    for name, grow in _GIANTS.items():
        grow(anew() / name.partition(":")[0])
        if not name.startswith(MANIFEST):
            _seal_again(folder)
        yield Damaged("decodes to giants", name.partition(":")[0], folder)


def _flip(path: Path, chance: random.Random) -> None:
    """Turn over one bit of a file, but none of a name in the manifest that only newer ones have."""
    data = bytearray(path.read_bytes())
    spared = data.find(b'"checksum"') if path.name == MANIFEST else -1
    place = chance.randrange(len(data))
    while spared >= 0 and spared <= place < spared + len(b'"checksum"'):
        place = chance.randrange(len(data))
    data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def _rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what a manifest says, as a program that got it wrong would have written it."""
    raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    change(raw)
    del raw["checksum"]
    (folder / MANIFEST).write_text(json.dumps(raw), "utf-8")


def _lie_of_length(name: str, length: Callable[[int], int]) -> Callable[[dict[str, Any]], None]:
    def lie(raw: dict[str, Any]) -> None:
        raw["files"][name]["bytes"] = length(raw["files"][name]["bytes"])

    return lie


def _more_of_a_fruit(raw: dict[str, Any]) -> None:
    raw["counts"][min(raw["counts"])] += 1


_LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    f"{MANIFEST}:counts": _more_of_a_fruit,
    f"{MANIFEST}:another fruit": lambda raw: raw["counts"].update(durian=3),
    f"{MANIFEST}:no fruit": lambda raw: raw.update(counts={}),
    f"{MANIFEST}:d_cnn": lambda raw: raw.update(d_cnn=raw["d_cnn"] + 1),
    f"{MANIFEST}:d_pca": lambda raw: raw.update(d_pca=raw["d_pca"] + 1),
    f"{MANIFEST}:input_size": lambda raw: raw["network"].update(input_size=7),
    f"{MANIFEST}:network": lambda raw: raw["network"].update(sha256="0" * 64),
    f"{MANIFEST}:rows": lambda raw: raw["index"].update(rows=1),
    **{f"{name}:one byte more": _lie_of_length(name, lambda length: length + 1) for name in FILES},
    **{f"{name}:one byte less": _lie_of_length(name, lambda length: length - 1) for name in FILES},
    **{f"{name}:a petabyte": _lie_of_length(name, lambda _: 10**15) for name in FILES},
}


def _seal_again(folder: Path) -> None:
    """Seal what lies in a folder, as a build would that had written it."""
    described = {key: value for key, value in asdict(read_manifest(folder)).items() if key not in _SEALED}
    seal(folder, described, now=datetime(2026, 11, 23, tzinfo=UTC))


def _compressed(path: Path) -> None:
    """Write an array of hundreds of megabytes that fits into one."""
    count = _BOMB_CHUNKS * len(_BOMB_CHUNK) // 4
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in _names(path):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                npy.write_array_header_1_0(file, _header((count,)))
                for _ in range(_BOMB_CHUNKS if name == _names(path)[0] else 1):
                    file.write(_BOMB_CHUNK)


def _boastful(path: Path) -> None:
    """Write arrays whose headers ask for terabytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in _names(path):
            file = io.BytesIO()
            npy.write_array_header_1_0(file, _header((1 << 40,)))
            archive.writestr(f"{name}.npy", file.getvalue() + bytes(64))


def _names(path: Path) -> tuple[str, ...]:
    return ("components", "explained_variance_ratio", "mean") if path.stem == "projection" else ("fruits",)


def _header(shape: tuple[int, ...]) -> dict[str, Any]:
    return {"descr": "<f4", "fortran_order": False, "shape": shape}


def _long_index(path: Path) -> None:
    """Say before the vectors that there are half a terabyte of them."""
    data = bytearray(path.read_bytes())
    before = next(
        place for place in range(64) if len(data) - place - 8 == 4 * struct.unpack_from("<Q", data, place)[0]
    )
    struct.pack_into("<Q", data, before, 1 << 37)
    path.write_bytes(data)


def _many_rows(path: Path) -> None:
    """Write millions of rows that are all the same, in a few kilobytes."""
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(_MANY_ROWS, np.int8)), pa.array(["apple"]))
    columns = ("fruit", "variety", "image", "path", "credit")
    pq.write_table(pa.table(dict.fromkeys(columns, same)), path, compression="zstd")


def _long_texts(path: Path) -> None:
    """Write rows of which each bears the same vast credit."""
    rows = Rows.from_parquet(path.read_bytes())
    vast_credits = ["x" * _LONG_TEXT] + ["" for _ in rows.paths[1:]]
    vast = Rows(rows.labels, rows.images, rows.paths, vast_credits, rows.kept_apart)
    path.write_bytes(vast.to_parquet())


def _wide_network(path: Path) -> None:
    """Let a network ask for a photo of 30,000 pixels a side."""
    data, side = path.read_bytes(), 160
    shape = struct.pack("<4i", 1, side, side, 3)
    assert shape in data
    path.write_bytes(data.replace(shape, struct.pack("<4i", 1, 30_000, 30_000, 3)))


_GIANTS: dict[str, Callable[[Path], object]] = {
    "projection.npz:compressed": _compressed,
    "decision.npz:compressed": _compressed,
    "projection.npz:boastful": _boastful,
    "decision.npz:boastful": _boastful,
    "index.faiss": _long_index,
    "rows.parquet:many": _many_rows,
    "rows.parquet:long": _long_texts,
    "network.tflite": _wide_network,
    "catalogue.json:deep": lambda path: path.write_text("[" * 2_000_000),
    f"{MANIFEST}:long": lambda path: path.write_text(" " * MAX_MANIFEST_BYTES + path.read_text("utf-8")),
}
