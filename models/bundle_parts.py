"""Reads the files of a bundle and proves that they belong together; what is wrong is said by file."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from models.decision import Decision
from models.embedder import Embedder
from models.errors import BundleCorrupt, FruitsError
from models.manifest import MANIFEST, Manifest
from models.projection import Projection
from models.rows import Rows

_Part = TypeVar("_Part")


def read_part(folder: Path, name: str, decode: Callable[[bytes], _Part]) -> _Part:
    """Decode one file of a bundle.

    Raises:
        FruitsError: it was sealed as it is, and is no such file all the same; the message names it.
    """
    try:
        return decode((folder / name).read_bytes())
    except FruitsError as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise BundleCorrupt(f"{name} cannot be decoded ({type(error).__name__}: {error})") from error


def check_parts(
    manifest: Manifest, embedder: Embedder, projection: Projection, rows: Rows, decision: Decision
) -> None:
    """Refuse a manifest that says other things of the parts than they do, and a decision of other vectors.

    Raises:
        BundleCorrupt: naming the file and what is wrong in it.
    """
    counted = Counter(label.fruit for label in rows.labels)
    claims = {
        "d_cnn": (manifest.d_cnn, embedder.d_cnn),
        "d_pca": (manifest.d_pca, projection.d_pca),
        "network.input_size": (manifest.network["input_size"], embedder.input_size),
        "index.rows": (manifest.index.get("rows", len(rows)), len(rows)),
        "network.sha256": (manifest.network["sha256"], manifest.files["network.tflite"].sha256),
        **{
            f"counts.{fruit}": (manifest.counts.get(fruit, 0), counted[fruit])
            for fruit in sorted({*manifest.counts, *counted})
        },
    }
    for field, (said, found) in claims.items():
        if said != found:
            raise BundleCorrupt(f"{MANIFEST}: {field} is said to be {said}, but the files hold {found}")
    takes = {"vectors": (decision.head_weights.shape[-1], projection.d_pca)}
    if decision.gate is not None:
        takes["features"] = (decision.gate.projection.d_cnn, embedder.d_cnn)
    for what, (taken, given) in takes.items():
        if taken != given:
            raise BundleCorrupt(f"decision.npz takes {what} of {taken} numbers, the bundle gives {given}")
