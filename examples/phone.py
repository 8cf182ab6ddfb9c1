"""Asks the API as a mobile client would: one photo as a multipart form, over HTTP."""

import http.client
import json
import shutil
import subprocess
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from examples.local_server import DemoFailed

TIMEOUT_S = 60


def curl_line(base: str, photo: str) -> str:
    """Return the command that a person would type."""
    return f"curl -F photo=@{photo} {base}/identify"


def identify(base: str, photo: bytes, name: str) -> tuple[dict[str, Any], float]:
    """Send one photo with curl, or with Python where curl is missing.

    Args:
        base: address of the server.
        photo: bytes of the file; never written to disk on the way.
        name: file name to send along.

    Returns:
        The answer, and the milliseconds from sending to having it.

    Raises:
        DemoFailed: no answer, or another status than 200.
    """
    url = f"{base}/identify?lang=en"
    started = time.perf_counter()
    status, body = (_by_curl if shutil.which("curl") else _by_python)(url, photo, name)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if status != 200:
        raise DemoFailed(f"{name}: expected HTTP 200, got {status}: {body.decode('utf-8', 'replace')[:1000]}")
    answer: dict[str, Any] = json.loads(body)
    return answer, elapsed_ms


def _by_curl(url: str, photo: bytes, name: str) -> tuple[int, bytes]:
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", str(TIMEOUT_S)]
    command += ["--write-out", "\n%{http_code}", "--form", f"photo=@-;filename={name};type=image/jpeg", url]
    ran = subprocess.run(command, input=photo, capture_output=True, check=False)
    if ran.returncode != 0:
        raise DemoFailed(f"{name}: curl failed: {ran.stderr.decode('utf-8', 'replace').strip()}")
    body, _, status = ran.stdout.rpartition(b"\n")
    return int(status), body


def _by_python(url: str, photo: bytes, name: str) -> tuple[int, bytes]:
    """Send the same request as `_by_curl`."""
    boundary = uuid4().hex
    disposition = f'form-data; name="photo"; filename="{name}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/jpeg\r\n\r\n"
    body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        connection.request("POST", f"{address.path}?{address.query}", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise DemoFailed(f"{name}: no answer: {error}") from error
    finally:
        connection.close()
