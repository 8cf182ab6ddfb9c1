"""PCA projection: pinned numbers, unit rows, safe files."""

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from models.errors import BundleCorrupt
from models.projection import Projection, read_npz, write_npz


def small() -> Projection:
    return Projection(
        mean=np.array([1, 1, 1], np.float32),
        components=np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]], np.float32),
        explained_variance_ratio=np.array([0.7, 0.2], np.float32),
    )


def test_a_pinned_example() -> None:
    vectors = small().project(np.array([[2, 2, 1], [1, 1, 3], [2, 2, 2.4]], np.float32))

    np.testing.assert_allclose(vectors, [[1, 0], [0, 1], [0.70710678, 0.70710678]], atol=1e-6)
    assert vectors.dtype == np.float32


def test_the_mean_itself_gives_zeros_rather_than_nan() -> None:
    assert small().project(np.ones((1, 3), np.float32)).tolist() == [[0.0, 0.0]]


def test_a_row_depends_on_its_embedding_alone() -> None:
    chance = np.random.default_rng(3)
    projection = Projection(
        chance.normal(size=64).astype(np.float32),
        np.linalg.qr(chance.normal(size=(64, 16)))[0].T.astype(np.float32),
        np.ones(16, np.float32),
    )
    rows = chance.normal(size=(9, 64)).astype(np.float32)

    assert (projection.project(rows)[4] == projection.project(rows[4:5])[0]).all()


def test_a_file_reads_back_the_same_and_writes_the_same_bytes() -> None:
    data = small().to_npz()
    back = Projection.from_npz(data)

    assert (back.components == small().components).all()
    assert back.to_npz() == data


def test_embeddings_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected embeddings \(n, 3\), got \(2, 4\)"):
        small().project(np.zeros((2, 4), np.float32))


@pytest.mark.parametrize(
    "data",
    [
        b"no archive",
        small().to_npz()[:-40],
        write_npz({"mean": np.zeros(3, np.float32)}),
        write_npz(
            {
                "mean": np.zeros(2, np.float32),
                "components": np.zeros((2, 3), np.float32),
                "explained_variance_ratio": np.zeros(2),
            }
        ),
    ],
    ids=["garbage", "truncated", "incomplete", "shapes"],
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(BundleCorrupt, match=r"projection\.npz"):
        Projection.from_npz(data)


def compressed() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, mean=np.zeros(5_000_000, np.float32))
    return file.getvalue()


def boastful(descr: str, shape: tuple[int, ...]) -> bytes:
    """Write an array whose header asks for more than there is."""
    array, file = io.BytesIO(), io.BytesIO()
    npy.write_array_header_1_0(array, {"descr": descr, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mean.npy", array.getvalue() + bytes(64))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (compressed(), "it is compressed"),
        (boastful("<f4", (1 << 40,)), r"mean\.npy says it holds float32"),
        (boastful("<U0", (1 << 40,)), r"mean\.npy says it holds <U0"),
        (boastful("|O", (2,)), "Object arrays cannot be loaded"),
    ],
    ids=["compressed", "boastful", "empty texts", "objects"],
)
def test_arrays_larger_than_their_file_and_objects_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BundleCorrupt, match=rf"projection\.npz cannot be read: {reason}"):
        read_npz(data, "projection.npz")
