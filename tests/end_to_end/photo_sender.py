"""Photos that carry secrets, and a client that sends them slowly from an address of its own."""

import io
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

SIZE = (4000, 3000)
FILE_NAME = "Seraphine-kitchen-20260714"
CLIENT, CLIENT_NETWORK = "127.83.12.7", "127.83.12.0/24"
FORWARDED = "203.0.113.77"
SERIAL_NUMBER = "SN-5550199-QX"
LATITUDE, LONGITUDE = (47.0, 21.0, 13.8071), (8.0, 32.0, 47.9163)
SECRETS = (
    *("13.8071", "138071", "47.9163", "479163", "47.3538", "8.5466", "GPS", FILE_NAME, "Seraphine"),
    *(CLIENT, FORWARDED, SERIAL_NUMBER),
)
"""What may stand in no log and no answer: coordinates as written and in degrees, names, addresses."""
_MAKER, _SERIAL, GPS = 0x010F, 0xA431, 0x8825
_READ_WAIT_S = 30


def photo_file(kind: str) -> bytes:
    """Encode 12 megapixels as JPEG or HEIC, above 1 MB, with the place, owner and camera in its EXIF."""
    exif = Image.Exif()
    exif[_MAKER] = f"{FILE_NAME} camera"
    exif[_SERIAL] = SERIAL_NUMBER
    exif[GPS] = {1: "N", 2: LATITUDE, 3: "E", 4: LONGITUDE}
    image, out = _scene(), io.BytesIO()
    if kind == "JPEG":
        image.save(out, "JPEG", quality=85, exif=exif)
    else:
        fast = {"preset": "ultrafast"}
        pillow_heif.from_pillow(image).save(out, quality=50, exif=exif.tobytes(), enc_params=fast)
    return out.getvalue()


def multipart(photo: bytes) -> tuple[bytes, str]:
    """Give the body and content type of a form with one photo, under its telling file name."""
    disposition = f'form-data; name="photo"; filename="{FILE_NAME}.jpg"'
    start = f"--frontier\r\nContent-Disposition: {disposition}\r\nContent-Type: image/jpeg\r\n\r\n"
    return start.encode() + photo + b"\r\n--frontier--\r\n", "multipart/form-data; boundary=frontier"


class SlowRequest:
    """A photo on its way: each step of `pieces` ends when the server has taken what was sent so far."""

    def __init__(self, port: int, body: bytes, content_type: str) -> None:
        self._port, self._body = port, body
        self._connection = socket.create_connection(("127.0.0.1", port), 60, source_address=(CLIENT, 0))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"POST /identify HTTP/1.1\r\nHost: {FILE_NAME}.example\r\nX-Forwarded-For: {FORWARDED}\r\n"
        head += f"Connection: close\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._connection.sendall(head.encode())

    def pieces(self, count: int) -> Iterator[int]:
        """Send all but the last of `count` pieces; give the number of bytes that the server holds by then."""
        length = -(-len(self._body) // count)
        for sent in range(length, len(self._body), length):
            self._connection.sendall(self._body[sent - length : sent])
            self._wait_until_read()
            yield sent
        self._rest = self._body[(count - 1) * length :]

    def answer(self) -> tuple[int, dict[str, Any]]:
        """Send the last piece; give the status and the answer."""
        with closing(self._connection):
            self._connection.sendall(self._rest)
            head, _, body = self._connection.makefile("rb").read().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    def hang_up(self) -> None:
        """Break the connection."""
        self._connection.close()

    def _wait_until_read(self) -> None:
        """Wait until the system holds nothing that the server has not read yet."""
        own = self._connection.getsockname()[1]
        deadline = time.monotonic() + _READ_WAIT_S
        while self._waiting(own):
            assert time.monotonic() < deadline, "the server does not read what was sent"
            time.sleep(0.002)

    def _waiting(self, own_port: int) -> bool:
        """Tell whether bytes are still to be sent or to be read by the server."""
        for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]:
            _, local, remote, _, queues, *_ = line.split()
            ends = tuple(int(address.split(":")[1], 16) for address in (local, remote))
            unsent, unread = (int(queue, 16) for queue in queues.split(":"))
            if (ends == (own_port, self._port) and unsent) or (ends == (self._port, own_port) and unread):
                return True
        return False


def _scene() -> Image.Image:
    """Draw a lit orange before a wall, with a sensor's noise: as large a file as a phone's."""
    small = (SIZE[0] // 4, SIZE[1] // 4)
    across, down = np.meshgrid(np.linspace(-1, 1, small[0]), np.linspace(-1, 1, small[1]))
    inside = (across**2 + down**2 < 0.4)[..., None]
    light = (1 - 0.4 * (across + down))[..., None]
    pixels = np.where(inside, np.array([230, 130, 20]), np.array([120, 130, 140])) * light
    noise = np.random.default_rng(3).normal(0, 5, (small[1], small[0], 1))
    return Image.fromarray(np.tile(np.clip(pixels + noise, 0, 255).astype(np.uint8), (4, 4, 1)))
