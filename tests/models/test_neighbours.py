"""The index finds what brute force finds."""

import struct
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from models.errors import BundleCorrupt
from models.neighbours import Neighbours


def unit(count: int, width: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def rows() -> np.ndarray:
    return unit(300, 16, 1)


@pytest.fixture
def index(rows: np.ndarray) -> Neighbours:
    flat = faiss.IndexFlatIP(16)
    flat.add(rows)
    return Neighbours(flat)


def test_neighbours_are_those_of_brute_force(rows: np.ndarray, index: Neighbours) -> None:
    queries = unit(20, 16, 2)
    similarities, found = index.search(queries, 5)

    expected = np.argsort(-(queries @ rows.T), axis=1)[:, :5]
    assert (found == expected).all()
    np.testing.assert_allclose(similarities, np.take_along_axis(queries @ rows.T, expected, 1), atol=1e-6)


def test_a_row_is_its_own_neighbour_at_similarity_one(rows: np.ndarray, index: Neighbours) -> None:
    similarities, found = index.search(rows[7:8], 1)

    assert (found[0, 0], similarities[0, 0]) == (7, pytest.approx(1.0))


def test_a_small_index_gives_what_it_has(index: Neighbours) -> None:
    assert index.search(unit(1, 16, 3), 1000)[1].shape == (1, 300)


@pytest.mark.parametrize("kind", ["Flat", "SQ8", "SQfp16", "IVF4,SQfp16"])
def test_rows_left_out_are_never_found_and_the_others_keep_their_numbers(rows: np.ndarray, kind: str) -> None:
    made = faiss.index_factory(16, kind, faiss.METRIC_INNER_PRODUCT)
    made.train(rows)
    made.add(rows)
    if "IVF" in kind:
        made.nprobe = 4
    index, left_out = Neighbours(made), np.arange(300) % 3 == 0
    queries = unit(20, 16, 6)

    found = index.without(left_out).search(queries, 5)[1]
    whole = index.search(queries, 300)[1]
    assert (found == np.stack([row[~left_out[row]][:5] for row in whole])).all()
    assert index.without(left_out).search(queries, 1000)[1].shape == (20, 200)


def test_bytes_read_back(index: Neighbours) -> None:
    back = Neighbours.from_bytes(index.to_bytes())

    assert (len(back), back.d_pca) == (300, 16)
    assert (back.search(unit(4, 16, 4), 3)[1] == index.search(unit(4, 16, 4), 3)[1]).all()


def test_vectors_of_another_width_are_refused(index: Neighbours) -> None:
    with pytest.raises(ValueError, match=r"Expected vectors \(n, 16\)"):
        index.search(unit(1, 8, 5), 1)


def test_garbage_and_an_index_by_distance_are_refused() -> None:
    with pytest.raises(BundleCorrupt, match=r"index\.faiss cannot be read"):
        Neighbours.from_bytes(b"not an index at all")
    with pytest.raises(BundleCorrupt, match="inner product"):
        Neighbours.from_bytes(Neighbours(faiss.IndexFlatL2(4)).to_bytes())


def test_a_length_beyond_the_file_is_not_believed(index: Neighbours) -> None:
    data = index.to_bytes()
    length = struct.pack("<Q", 300 * 16)
    assert data.count(length) == 1
    with pytest.raises(BundleCorrupt, match=r"index\.faiss cannot be read"):
        Neighbours.from_bytes(data.replace(length, struct.pack("<Q", 1 << 37)))


def test_every_thread_searches_alone_also_one_that_did_not_load_the_index(
    rows: np.ndarray, index: Neighbours
) -> None:
    def threads_of_a_search() -> int:
        faiss.omp_set_num_threads(4)  # as a thread starts on a machine of four cores
        index.search(rows[:1], 1)
        return int(faiss.omp_get_max_threads())

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(threads_of_a_search).result() == 1
