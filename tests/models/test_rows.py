"""What each vector of an index shows."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.errors import BundleCorrupt
from models.records import Label
from models.rows import Rows

ROOT = Path(__file__).resolve().parents[2]
ROWS = Rows(
    (Label("apple", "apple/gala"), Label("kiwi")),
    ("phone/Apple/1", "web/kiwi/2"),
    ("Apple/1.jpg", "kiwi/2.webp"),
    ("A. Grower, CC BY", ""),
    (False, True),
)


def test_a_file_reads_back_the_same() -> None:
    assert Rows.from_parquet(ROWS.to_parquet()) == ROWS


def test_rows_that_do_not_say_what_was_kept_apart_hold_nothing_of_it() -> None:
    table = pq.read_table(io.BytesIO(ROWS.to_parquet())).drop_columns(["kept_apart"])
    assert Rows.from_parquet(parquet_of(table)) == replace(ROWS, kept_apart=(False, False))


def test_what_was_kept_apart_in_words_is_refused() -> None:
    table = pq.read_table(io.BytesIO(ROWS.to_parquet()))
    table = table.set_column(5, "kept_apart", pa.array(["no", "yes"]))
    with pytest.raises(BundleCorrupt, match="kept_apart must hold true or false"):
        Rows.from_parquet(parquet_of(table))


def parquet_of(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


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


def test_another_number_of_rows_than_the_index_has_is_refused() -> None:
    with pytest.raises(BundleCorrupt, match="holds 2 rows, expected 3"):
        Rows.from_parquet(ROWS.to_parquet(), count=3)


def test_names_of_many_megabytes_are_refused_before_they_are_decoded() -> None:
    vast = Rows(ROWS.labels, ROWS.images, ROWS.paths, ("x" * 20_000_000, ""), ROWS.kept_apart)
    with pytest.raises(BundleCorrupt, match=r"2 rows would take 200\d+ bytes"):
        Rows.from_parquet(vast.to_parquet())


def test_a_name_that_many_rows_bear_is_held_once() -> None:
    count = 1_000
    many = Rows(
        [Label("apple")] * count,
        ["phone/1"] * count,
        ["1.jpg"] * count,
        ["A. Grower"] * count,
        [False] * count,
    )
    back = Rows.from_parquet(many.to_parquet())
    assert back.credits[0] == "A. Grower"
    assert len({id(credit) for credit in back.credits}) == 1


def test_reading_them_does_not_load_pandas(tmp_path: Path) -> None:
    """It takes 50 MB that a worker of the API has no use for."""
    (tmp_path / "rows.parquet").write_bytes(ROWS.to_parquet())
    program = "import sys; from models.rows import Rows; Rows.from_parquet(open(sys.argv[1], 'rb').read()); "
    command = [sys.executable, "-c", program + "print('pandas' in sys.modules)", tmp_path / "rows.parquet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"
