"""Nobody waits for a client that does not send or does not read."""

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from api.sockets import PatientSocket, stop_receiving


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    made, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=fruits.test"]
    try:
        subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


def test_over_tls_nothing_leaves_unencrypted_after_a_read_was_ended(certificate: Path) -> None:
    serving, calling = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    serving.load_cert_chain(certificate)
    calling.load_verify_locations(certificate)
    server_end, client_end = socket.socketpair()
    on_the_wire = b""

    def call() -> None:
        nonlocal on_the_wire
        with calling.wrap_socket(client_end, server_hostname="fruits.test") as client:
            while received := socket.socket.recv(client, 100_000):
                on_the_wire += received

    thread = threading.Thread(target=call)
    thread.start()
    with serving.wrap_socket(server_end, server_side=True) as server:
        stop_receiving(server)
        # OpenSSL may take the end of one half for the end of all.
        with contextlib.suppress(OSError):
            assert server.recv(100) == b""
            server.sendall(b"too slow")
    thread.join(30)
    assert not thread.is_alive()
    assert b"too slow" not in on_the_wire


def test_what_a_client_does_not_take_is_kept_for_later_and_in_order() -> None:
    connected, client = socket.socketpair()
    sent = bytes(range(256)) * 20_000
    with PatientSocket(connected) as server, client:
        server.sendall(sent)
        assert server.send(b"end") == 3
        assert len(server.unsent) > 3
        received = b""
        while len(received) < len(sent) + 3:
            received += client.recv(1_000_000)
            server.send_rest()
    assert received == sent + b"end"
    assert server.unsent == b""
