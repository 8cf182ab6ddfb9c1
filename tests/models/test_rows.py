"""What each vector of an index shows."""

import pytest

from models.errors import BundleCorrupt
from models.records import Label
from models.rows import Rows

ROWS = Rows(
    (Label("apple", "apple/gala"), Label("kiwi")),
    ("phone/Apple/1", "web/kiwi/2"),
    ("Apple/1.jpg", "kiwi/2.webp"),
    ("A. Grower, CC BY", ""),
)


def test_a_file_reads_back_the_same() -> None:
    assert Rows.from_parquet(ROWS.to_parquet()) == ROWS


def test_the_same_rows_give_the_same_bytes() -> None:
    assert ROWS.to_parquet() == ROWS.to_parquet()


def test_a_fruit_that_is_not_listed_has_no_position() -> None:
    assert ROWS.positions(("banana", "kiwi")).tolist() == [-1, 1]


@pytest.mark.parametrize(
    "data", [b"", b"PAR1 garbage PAR1", ROWS.to_parquet()[:-20]], ids=["empty", "garbage", "truncated"]
)
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(BundleCorrupt, match=r"rows\.parquet"):
        Rows.from_parquet(data)
