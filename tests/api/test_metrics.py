"""Prometheus' numbers: right in one process, and summed over workers that come and go."""

import http.client
import os
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeIdentifier
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from api import metrics_server
from api.metrics import built_at
from api.metrics_server import MetricsEndpoint
from api.setting_values import Address
from models.errors import SettingsError, UndecodablePhoto

VERSION, LATER = FakeIdentifier.version, "20261123T181500Z-3f9a1c"
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def client(new_client: Callable[..., FlaskClient]) -> FlaskClient:
    return new_client(metrics_bind="127.0.0.1:0")


def value(client: FlaskClient, name: str, **labels: str) -> float | None:
    found: float | None = client.application.extensions["fruits"].metrics.registry.get_sample_value(
        name, labels
    )
    return found


def test_requests_are_counted_by_route_method_and_status(client: FlaskClient, form: Any, jpeg: bytes) -> None:
    client.post("/identify", **form(jpeg))
    client.post("/identify", **form(b"words"))
    client.get("/fruits/apple")
    client.get("/fruits/secret-name")
    client.get("/secret-path")
    client.open("/fruits", method="BREW")
    counted = {
        ("/identify", "POST", "200"): 1,
        ("/identify", "POST", "415"): 1,
        ("/fruits/<id>", "GET", "200"): 1,
        ("/fruits/<id>", "GET", "404"): 1,
        ("none", "GET", "404"): 1,
        ("none", "other", "405"): 1,
    }
    for (route, method, status), count in counted.items():
        assert value(client, "fruits_requests_total", route=route, method=method, status=status) == count
    assert value(client, "fruits_refusals_total", code="not_an_image") == 1
    assert value(client, "fruits_request_seconds_count", route="/identify") == 2


def test_answers_and_their_stages_are_counted(
    client: FlaskClient, identifier: FakeIdentifier, form: Any, jpeg: bytes
) -> None:
    client.post("/identify", **form(jpeg))
    identifier.failure = UndecodablePhoto("broken")
    client.post("/identify", **form(jpeg))
    assert value(client, "fruits_answers_total", rank="variety") == 1
    assert value(client, "fruits_answers_total", rank="unknown") == 0
    for stage, seconds in (("decode", 0.0012), ("embed", 0.0023), ("search", 0.0005)):
        assert value(client, "fruits_identify_seconds_count", stage=stage) == 1
        assert value(client, "fruits_identify_seconds_sum", stage=stage) == pytest.approx(seconds, abs=1e-4)
    assert value(client, "fruits_identify_seconds_bucket", stage="decode", le="0.001") == 0
    assert value(client, "fruits_identify_seconds_bucket", stage="decode", le="0.0025") == 1
    assert value(client, "fruits_identify_seconds_count", stage="total") == 1


def test_photos_are_in_flight_until_they_are_answered(
    client: FlaskClient, identifier: FakeIdentifier, form: Any, jpeg: bytes
) -> None:
    seen = []
    answer = identifier.identify

    def look(*args: Any, **options: Any) -> Any:
        seen.append(value(client, "fruits_photos_in_flight"))
        return answer(*args, **options)

    identifier.identify = look  # type: ignore[method-assign]
    client.post("/identify", **form(jpeg, jpeg, jpeg))
    identifier.failure = UndecodablePhoto("broken")
    client.post("/identify", **form(jpeg))
    assert seen == [3, 1]
    assert value(client, "fruits_photos_in_flight") == 0


def test_the_bundle_that_answers_is_named_and_has_an_age(client: FlaskClient) -> None:
    here = client.application.extensions["fruits"]
    assert value(client, "fruits_bundle_workers", version=VERSION, network="fruitnet-1") == 1
    built = value(client, "fruits_bundle_built_timestamp_seconds")
    assert built == built_at(VERSION).timestamp()
    assert built_at(VERSION).isoformat() == "2026-11-22T18:15:00+00:00"
    here.live.served.identifier.version = LATER
    here.metrics.see(here.live)
    assert value(client, "fruits_bundle_workers", version=VERSION, network="fruitnet-1") == 0
    assert value(client, "fruits_bundle_workers", version=LATER, network="fruitnet-1") == 1
    assert value(client, "fruits_bundle_built_timestamp_seconds") == built_at(LATER).timestamp()


def test_by_default_nothing_is_counted(new_client: Callable[..., FlaskClient]) -> None:
    assert new_client().application.extensions["fruits"].metrics is None


def free_port() -> int:
    listener = MetricsEndpoint(Address("127.0.0.1", 0))
    port: int = listener._listener.getsockname()[1]
    listener.close()
    return port


def scrape(port: int) -> Numbers:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def identified(numbers: Numbers) -> float:
    labels = {"route": "/identify", "method": "POST", "status": "200"}
    return numbers[("fruits_requests_total", frozenset(labels.items()))]


def workers_on_bundle(numbers: Numbers) -> float | None:
    labels = {"version": VERSION, "network": "fruitnet-1"}
    return numbers.get(("fruits_bundle_workers", frozenset(labels.items())))


def ask(port: int, jpeg: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/identify", jpeg, {"Content-Type": "image/jpeg"})
    assert connection.getresponse().read()
    connection.close()


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def folders() -> set[Path]:
    parents = (Path("/dev/shm"), Path(tempfile.gettempdir()))  # noqa: S108 - where it makes its folders
    return {folder for parent in parents for folder in parent.glob(f"{metrics_server.PREFIX}*")}


def test_all_workers_are_summed_and_a_worker_that_is_replaced_loses_no_count(serve: Any, jpeg: bytes) -> None:
    before, port = folders(), free_port()
    with serve(FRUITS_METRICS_BIND=f"127.0.0.1:{port}", FRUITS_WORKERS="2") as server:
        master = server.process.pid
        wait_for(lambda: len(children(master)) == 2 and workers_on_bundle(scrape(port)) == 2)
        for _ in range(20):
            ask(server.port, jpeg)
        assert {identified(scrape(port)) for _ in range(8)} == {20}
        killed = children(master)[0]
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: killed not in children(master) and len(children(master)) == 2)
        wait_for(lambda: workers_on_bundle(scrape(port)) == 2)
        for _ in range(5):
            ask(server.port, jpeg)
        assert identified(scrape(port)) == 25
        (made,) = folders() - before
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        server.stop()
    assert folders() == before


def test_the_port_of_the_api_says_nothing_of_numbers(serve: Any) -> None:
    with serve(FRUITS_METRICS_BIND=f"127.0.0.1:{free_port()}") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/metrics")
        assert connection.getresponse().status == 404
        connection.close()


def test_an_address_that_is_taken_ends_the_start_with_one_line() -> None:
    endpoint = MetricsEndpoint(Address("127.0.0.1", 0))
    port = endpoint._listener.getsockname()[1]
    try:
        with pytest.raises(SettingsError, match=f"FRUITS_METRICS_BIND is 127.0.0.1 port {port}"):
            MetricsEndpoint(Address("127.0.0.1", port))
    finally:
        endpoint.close()


def test_what_a_killed_master_left_is_removed_and_what_a_living_one_uses_is_not() -> None:
    living = MetricsEndpoint(Address("127.0.0.1", 0))
    left = Path(tempfile.mkdtemp(prefix=metrics_server.PREFIX, dir=living.folder.parent))
    (left / "lock").touch()
    (left / "counter_1.db").write_bytes(b"old")
    another = MetricsEndpoint(Address("127.0.0.1", 0))
    try:
        assert not left.exists()
        assert living.folder.exists()
        assert another.folder != living.folder
    finally:
        living.close()
        another.close()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the folder that an endpoint of this process names for its workers."""
    monkeypatch.setenv(metrics_server.VARIABLE, "")
    monkeypatch.delenv(metrics_server.VARIABLE)
