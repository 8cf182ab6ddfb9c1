"""Secrets made up for a test, to be found nowhere after it; and an S3 server that repeats what it is sent."""

import base64
import secrets
import string
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from tests.s3_server import REGION

_ALPHABET = string.ascii_letters + string.digits
_SHORTEST = 12


def _some(count: int, alphabet: str = _ALPHABET) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(count))


@dataclass(frozen=True)
class Canaries:
    """One set of secrets, other ones each time.

    Attributes:
        key, secret, token: of AWS; the secret holds a slash and a plus, as they do.
        password: for addresses.
        sent: what a client sends along by mistake.
    """

    key: str = field(default_factory=lambda: f"AKIA{_some(16, string.ascii_uppercase)}")
    secret: str = field(default_factory=lambda: f"{_some(18)}/{_some(10)}+{_some(10)}")
    token: str = field(default_factory=lambda: _some(120))
    password: str = field(default_factory=lambda: _some(24))
    sent: str = field(default_factory=lambda: _some(32))

    def environ(self) -> dict[str, str]:
        """Give the AWS variables that hold them; no configuration of this machine is read."""
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_SESSION_TOKEN": self.token,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def addresses(self) -> dict[str, str]:
        """Give addresses, by what they are, into which people put them."""
        signature = (
            f"X-Amz-Credential={self.key}&X-Amz-Security-Token={self.token}&X-Amz-Signature={self.sent}"
        )
        return {
            "keys": f"s3://{self.key}:{self.secret}@bucket/photos",
            "keys for Hadoop": f"s3a://{self.key}:{self.secret}@bucket/photos",
            "signed": f"https://bucket.s3.{REGION}.amazonaws.com/photos?{signature}",
            "signed S3": f"s3://bucket/photos?{signature}",
            "password": f"ftp://user:{self.password}@127.0.0.1/photos",
        }

    def found_in(self, data: bytes, *, but: Iterable[str] = ()) -> list[str]:
        """Name those that are in some bytes: as they are, percent-encoded, in base64, or half of one.

        Args:
            data: where to look.
            but: names of those that may be there.
        """
        names = [name for name in ("key", "secret", "token", "password", "sent") if name not in but]
        return [name for name in names if any(form in data for form in _forms(getattr(self, name)))]


def _forms(secret: str) -> set[bytes]:
    halves = [secret[: len(secret) // 2], secret[len(secret) // 2 :]]
    texts = {secret, quote(secret, safe=""), *(half for half in halves if len(half) >= _SHORTEST)}
    return {text.encode() for text in texts} | {base64.b64encode(secret.encode()).rstrip(b"=")}


@contextmanager
def telling_server() -> Iterator[str]:
    """Run an S3 server that refuses everything and repeats, in one line, key and token."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Telling) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Telling(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("x-amz-bucket-region", REGION)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = f"{self.headers.get('Authorization')} {self.headers.get('x-amz-security-token')}"
        body = (
            "<Error><Code>InvalidToken</Code><Message>The provided token is malformed.</Message>"
            f"<Token-0>{sent}</Token-0></Error>"
        ).encode()
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = _refuse  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:
        pass
