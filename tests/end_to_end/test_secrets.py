"""Nobody's keys, tokens and passwords are in what the product says, answers, counts or writes.

Known secrets go in by every way there is, in runs that succeed and runs that fail, everything at its most
talkative; then they are looked for in all that came out.
"""

import http.client
import logging
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.__main__ import main
from examples.local_server import local_server
from models.pretrained import DEFAULT_BUNDLE
from models.store import open_store
from tests.canaries import Canaries, telling_server
from tests.end_to_end.image_replay import ROOT, any_photo
from tests.s3_server import S3Server

TALKATIVE = {"GUNICORN_CMD_ARGS": "--log-level debug", "RUST_LOG": "trace", "PYTHONUNBUFFERED": "1"}
BATCH_TIMEOUT_S = 120


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


def environ(canaries: Canaries, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "FRUITS_"))}
    return {**kept, **canaries.environ(), **TALKATIVE, **more}


def raw(port: int, request: bytes) -> bytes:
    """Send bytes, whether or not they are HTTP, and read the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def conversations(canaries: Canaries, port: int) -> bytes:
    """Ask in many ways, with secrets of the client's in each; give all answers."""
    sent = canaries.sent
    headers = {
        "Authorization": f"Bearer {sent}",
        "Cookie": f"session={sent}",
        "X-Amz-Security-Token": sent,
        "Referer": f"http://127.0.0.1/?token={sent}",
        "User-Agent": sent,
        "X-Forwarded-For": sent,
    }
    form = (
        f'--b\r\nContent-Disposition: form-data; name="photo"; filename="{sent}.jpg"\r\n\r\n'.encode()
        + any_photo()
        + b"\r\n--b--\r\n"
    )
    other_field = form.replace(b'"photo"', f'"{sent}"'.encode())
    asked: list[tuple[str, str, bytes | None, str]] = [
        ("POST", f"/identify?token={sent}", any_photo(), "image/jpeg"),
        ("POST", "/identify", form, "multipart/form-data; boundary=b"),
        (
            "POST",
            "/identify",
            other_field,
            "multipart/form-data; boundary=b",
        ),
        ("POST", f"/identify?top={sent}", any_photo(), "image/jpeg"),
        ("POST", f"/identify?lang={sent}", any_photo(), "image/jpeg"),
        ("POST", "/identify", sent.encode(), "image/jpeg"),
        ("POST", "/identify", any_photo()[:200] + sent.encode(), "image/jpeg"),
        ("POST", "/identify", b"", f"text/{sent}"),
        ("GET", f"/fruits/{sent}?token={sent}", None, ""),
        ("GET", f"/fruits?q={sent}", None, ""),
        ("DELETE", f"/identify?token={sent}", None, ""),
        *(("GET", f"{path}?token={sent}", None, "") for path in ("/healthz", "/readyz", "/version", "/docs")),
    ]
    answers = b""
    for method, path, body, kind in asked:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, path, body, {**headers, **({"Content-Type": kind} if kind else {})})
        response = connection.getresponse()
        assert response.status < 500
        answers += str(response.getheaders()).encode() + response.read()
        connection.close()
    for request in (
        f"GET /identify?token={sent} HTTP/9.9\r\nHost: x\r\n\r\n",
        f"GET /identify?token={sent}\r\n\r\n",
        f"{sent} / HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header {sent}: 1\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: {sent}\0\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {sent}\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: {sent}\r\n\r\n",
        f"POST /identify?token={sent} HTTP/1.1\r\nHost: x\r\nContent-Length: {sent}\r\n\r\n",
        f"GET /{'x' * 9000}?token={sent} HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        answers += raw(port, request.encode())
    return answers


def test_an_api_with_credentials_tells_nobody_of_them_nor_of_what_clients_sent(
    s3_server: S3Server, canaries: Canaries, tmp_path: Path
) -> None:
    uri = s3_server.new_bucket("bundles")
    open_store(uri, s3_server.options).publish(DEFAULT_BUNDLE, None)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        metrics_port = int(probe.getsockname()[1])
    settings = {
        "FRUITS_STORE": uri,
        "FRUITS_S3_ENDPOINT": s3_server.endpoint_url,
        "FRUITS_CACHE": str(tmp_path / "cache"),
        "FRUITS_METRICS_BIND": f"127.0.0.1:{metrics_port}",
        "FRUITS_WORKERS": "1",
    }
    log = tmp_path / "server.log"
    with local_server({**canaries.environ(), **TALKATIVE, **settings}, log) as base:
        answers = conversations(canaries, int(base.rsplit(":", 1)[1]))
        numbers = raw(metrics_port, f"GET /metrics?t={canaries.sent} HTTP/1.0\r\n\r\n".encode())
        raw(metrics_port, f"GET /{canaries.sent} HTTP/1.0\r\n\r\n".encode())
    assert b"fruits_requests" in numbers
    said = log.read_bytes()
    assert said.count(b'"message": "request"') > 10
    assert b"Invalid request from ip=127.0.0.0/24: InvalidHTTPVersion" in said  # told by its kind alone
    assert canaries.found_in(answers, but=["sent"]) == []  # what a client sent, it may be told
    assert canaries.found_in(numbers) == []
    assert canaries.found_in(said) == []
    assert b'"client": "127.0.0.1"' not in said
    assert b"ip=127.0.0.1" not in said
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert [path.name for path in kept if canaries.found_in(path.read_bytes())] == []


def serve_until(text: bytes, log: Path, variables: dict[str, str]) -> bytes:
    """Start gunicorn, wait until its log says something or it ends, and give the log."""
    command = [sys.executable, "-m", "gunicorn", "-c", "api/gunicorn.conf.py", "api.wsgi:app"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output)
    deadline = time.monotonic() + BATCH_TIMEOUT_S
    while server.poll() is None and text not in log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.05)
    server.terminate()
    server.wait(60)
    return log.read_bytes()


def test_an_api_whose_store_refuses_it_tells_what_s3_said_and_no_key(
    canaries: Canaries, tmp_path: Path
) -> None:
    with telling_server() as endpoint:
        settings = {
            "FRUITS_STORE": "s3://bucket/bundles",
            "FRUITS_S3_ENDPOINT": endpoint,
            "FRUITS_CACHE": str(tmp_path / "cache"),
            "FRUITS_BIND": "127.0.0.1:0",
            "FRUITS_WORKERS": "1",
        }
        said = serve_until(b"cannot be followed", tmp_path / "log", environ(canaries, **settings))
    assert b"InvalidToken: The provided token is malformed." in said
    assert canaries.found_in(said) == []


@pytest.mark.parametrize("variable", ["FRUITS_STORE", "FRUITS_S3_ENDPOINT"])
def test_an_api_does_not_start_with_a_secret_in_an_address(
    variable: str, canaries: Canaries, tmp_path: Path
) -> None:
    endpoint = f"http://user:{canaries.password}@127.0.0.1:9000"
    address = canaries.addresses()["keys"] if variable == "FRUITS_STORE" else endpoint
    said = serve_until(b"never said", tmp_path / "log", environ(canaries, **{variable: address}))
    assert b"Wrong settings" in said
    assert b"carries" in said
    assert canaries.found_in(said) == []


def run_batch(canaries: Canaries, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command of the batch with the secrets in its environment, at its most talkative."""
    command = [sys.executable, "-m", "batch", *arguments, "--verbose"]
    return subprocess.run(
        command, cwd=ROOT, env=environ(canaries), capture_output=True, timeout=BATCH_TIMEOUT_S
    )


def failing_commands(canaries: Canaries, telling: str) -> list[list[str]]:
    """Give commands that fail, each with secrets in its arguments or in the answers that it gets."""
    addresses = canaries.addresses()
    with_password = telling.replace("://", f"://user:{canaries.password}@")
    store = ["bundles", "list", "--store"]
    return [
        [*store, "s3://bucket/bundles", "--endpoint-url", telling],
        [*store, "s3://bucket/bundles", "--endpoint-url", with_password],
        ["build", "--corpus", addresses["password"], "--store", "/nowhere"],
        ["evaluate", "--photos", addresses["keys for Hadoop"]],
        *([*store, address] for address in addresses.values()),
        ["build", "--corpus", addresses["keys"], "--store", "/nowhere"],
        ["emr", "submit", "--max-cost", "1", "--photos", "9", "--dry-run", "--corpus", addresses["keys"]],
        ["emr", "status", "--endpoint-url", with_password],
        ["emr", "status", "--endpoint-url", telling],
    ]


@pytest.mark.drill
@pytest.mark.timeout(900)
def test_no_batch_command_that_fails_tells_why_with_a_secret(canaries: Canaries) -> None:
    with telling_server() as telling:
        for arguments in failing_commands(canaries, telling):
            ran = run_batch(canaries, *arguments)
            assert ran.returncode in (1, 2), (arguments[:3], ran.stdout, ran.stderr)
            assert ran.stderr
            assert canaries.found_in(ran.stdout + ran.stderr) == [], arguments[:3]


def test_no_failure_of_the_batch_is_told_or_logged_with_a_secret(
    canaries: Canaries,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The short form: the same commands in this process, with what the product logs at its lowest level."""
    for name, value in environ(canaries).items():
        monkeypatch.setenv(name, value)
    for name in ("batch", "models"):
        caplog.set_level(logging.DEBUG, name)
    with telling_server() as telling:
        for arguments in failing_commands(canaries, telling):
            assert main(arguments) in (1, 2), arguments[:3]
            said = capfd.readouterr()
            assert said.err
            assert canaries.found_in(f"{said.out}{said.err}{caplog.text}".encode()) == [], arguments[:3]


@pytest.mark.drill
def test_a_batch_command_that_succeeds_tells_no_secret(s3_server: S3Server, canaries: Canaries) -> None:
    uri = s3_server.new_bucket("bundles")
    open_store(uri, s3_server.options).publish(DEFAULT_BUNDLE, None)
    listed = run_batch(canaries, "bundles", "list", "--store", uri, "--endpoint-url", s3_server.endpoint_url)
    planned = run_batch(canaries, "emr", "submit", "--max-cost", "1", "--photos", "99", "--dry-run")
    for ran in (listed, planned):
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout
        assert canaries.found_in(ran.stdout + ran.stderr) == []


def test_a_secret_that_is_told_would_be_found(canaries: Canaries) -> None:
    for said in (
        f"GET http://user:{canaries.password}@host",
        f"Credential={canaries.key}/20261123",
        f"<Token-0>{canaries.token}</Token-0>",
        canaries.secret.replace("/", "%2F").replace("+", "%2B"),
        f"... {canaries.token[:60]} ...",
    ):
        assert canaries.found_in(said.encode())
    assert re.fullmatch(r"AKIA[A-Z]{16}", canaries.key)
