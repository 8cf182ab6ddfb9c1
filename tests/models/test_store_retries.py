"""A server that is overloaded, breaks off or garbles bytes costs time, and never a wrong bundle."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import obstore
import pytest

from models.bundle import verify
from models.errors import BundleCorrupt, StoreUnavailable
from models.locations import S3Options, open_location
from models.store import Store, open_store
from tests.flaky_server import Fault, FlakyServer
from tests.stores import Place, version_of, write_uneven_bundle

LARGE_BYTES = 9_000_000


class Shaky(NamedTuple):
    """A store with one bundle, reached through a server that spoils requests."""

    flaky: FlakyServer
    through: S3Options
    store: Store
    steady: Place


@pytest.fixture
def shaky(request: pytest.FixtureRequest, built: list[Path]) -> Iterator[Shaky]:
    server = request.getfixturevalue(getattr(request, "param", "s3_server"))
    uri = server.new_bucket("bundles")
    steady = Place(uri, server.options, open_store(uri, server.options))
    steady.store.publish(built[0], None)
    with server.flaky() as (flaky, through):
        yield Shaky(flaky, through, open_store(uri, through), steady)


@pytest.mark.parametrize("shaky", ["s3_server", "rgw_server"], indirect=True)
@pytest.mark.parametrize("fault", ["slow_down", "drop", "lose", "cut"])
def test_a_publication_goes_through_a_stumbling_server(
    shaky: Shaky, built: list[Path], tmp_path: Path, fault: Fault
) -> None:
    expected = shaky.store.current()
    shaky.flaky.spoil(fault, "GET", times=1)
    shaky.flaky.spoil(fault, "PUT", "network.tflite", times=2 - (fault == "cut"))
    shaky.flaky.spoil(fault, "PUT", "manifest.json$")
    shaky.flaky.spoil(fault, "PUT", "current.json")
    pointer = shaky.store.publish(built[1], expected)
    assert shaky.flaky.unspoilt == 0
    assert shaky.steady.store.current() == pointer
    verify(shaky.steady.store.fetch(pointer.version, tmp_path / "cache"))


@pytest.mark.parametrize("fault", ["slow_down", "drop", "lose"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "uploads"), ("PUT", "partNumber"), ("POST", "uploadId")]
)
def test_a_large_file_goes_in_parts_through_a_stumbling_server(
    shaky: Shaky, tmp_path: Path, fault: Fault, method: str, path: str
) -> None:
    write_uneven_bundle(tmp_path / "large", 1, LARGE_BYTES)
    shaky.flaky.spoil(fault, method, path)
    pointer = shaky.store.publish(tmp_path / "large", shaky.store.current())
    assert shaky.flaky.unspoilt == 0
    assert shaky.flaky.asked("PUT", "index.faiss.partNumber=2") >= 1
    verify(shaky.steady.store.fetch(pointer.version, tmp_path / "cache"))


@pytest.mark.parametrize("fault", ["slow_down", "drop", "cut", "flip"])
def test_a_download_goes_through_a_stumbling_server(shaky: Shaky, tmp_path: Path, fault: Fault) -> None:
    current = shaky.store.current()
    assert current is not None
    shaky.flaky.spoil(fault, "GET", "index.faiss")
    verify(shaky.store.fetch(current.version, tmp_path / "cache"))
    assert shaky.flaky.unspoilt == 0


@pytest.mark.parametrize("fault", ["slow_down", "drop", "lose", "cut"])
def test_listings_and_openings_go_through_a_stumbling_server(
    shaky: Shaky, built: list[Path], fault: Fault
) -> None:
    shaky.flaky.spoil(fault, "HEAD", times=2 if fault != "cut" else 0)
    shaky.flaky.spoil(fault, "GET", "list-type")
    assert open_store(shaky.steady.uri, shaky.through).versions() == [version_of(built[0])]
    assert shaky.flaky.unspoilt == 0


def test_bytes_garbled_on_their_way_up_are_refused_by_the_server_and_sent_again(
    rgw_server: Any, built: list[Path], tmp_path: Path
) -> None:
    with rgw_server.flaky() as (flaky, through):
        store = open_store(rgw_server.new_bucket(), through)
        flaky.spoil("garble", "PUT", "index.faiss")
        pointer = store.publish(built[0], None)
        assert flaky.unspoilt == 0
        assert flaky.asked("PUT", "index.faiss") == 2
        verify(store.fetch(pointer.version, tmp_path / "cache"))


def test_a_bundle_that_arrived_garbled_is_never_made_current(shaky: Shaky, built: list[Path]) -> None:
    """What lies there is read back before the pointer moves, whatever the server made of it."""
    before = shaky.store.current()
    where = f"{version_of(built[1])}/index.faiss"
    shaky.flaky.after = lambda method, path: (
        obstore.put(shaky.steady.objects, where, b"garbled")
        if method == "PUT" and path.endswith("manifest.json")
        else None
    )
    with pytest.raises(BundleCorrupt, match=r"index\.faiss has 7 bytes"):
        shaky.store.publish(built[1], before)
    assert shaky.steady.store.current() == before


def test_an_altered_bundle_is_not_promoted(shaky: Shaky, built: list[Path]) -> None:
    """It has the length that was sealed: only its bytes tell."""
    pointer = shaky.store.publish(built[1], shaky.store.current())
    path = f"{version_of(built[0])}/index.faiss"
    data = bytearray(bytes(obstore.get(shaky.steady.objects, path).bytes()))
    data[7] ^= 1
    obstore.put(shaky.steady.objects, path, bytes(data))
    with pytest.raises(BundleCorrupt, match=r"index\.faiss was altered"):
        shaky.store.promote(version_of(built[0]), pointer)
    assert shaky.store.current() == pointer


def test_a_download_that_is_always_garbled_is_refused(shaky: Shaky, tmp_path: Path) -> None:
    current = shaky.store.current()
    assert current is not None
    shaky.flaky.spoil("flip", "GET", "rows.parquet", times=9)
    with pytest.raises(BundleCorrupt, match=r"rows\.parquet was altered"):
        shaky.store.fetch(current.version, tmp_path / "cache")
    assert shaky.flaky.asked("GET", "rows.parquet") == 2
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.drill
def test_a_server_that_stays_overloaded_is_said_to_be_and_nothing_is_made_current(
    shaky: Shaky, built: list[Path]
) -> None:
    before = shaky.store.current()
    shaky.flaky.spoil("slow_down", "PUT", "current.json", times=1000)
    with pytest.raises(StoreUnavailable, match="503"):
        shaky.store.publish(built[1], before)
    assert shaky.flaky.asked("PUT", "current.json") > 4
    assert shaky.steady.store.current() == before


def test_objects_of_any_kind_are_read_again_when_the_answer_breaks_off(
    shaky: Shaky, built: list[Path]
) -> None:
    """What the feature store and the corpus readers rely on."""
    location = open_location(shaky.steady.uri, shaky.through)
    for fault in ("slow_down", "drop", "lose", "cut"):
        shaky.flaky.spoil(fault, "GET", "index.faiss", times=2)  # type: ignore[arg-type]
        found = obstore.get(location.objects, f"{version_of(built[0])}/index.faiss").bytes()
        assert bytes(found) == (built[0] / "index.faiss").read_bytes()
    assert shaky.flaky.unspoilt == 0
