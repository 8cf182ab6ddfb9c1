"""Settings that are more than a word or a number: a rate, origins, an address."""

import re
from dataclasses import dataclass

from models.errors import SettingsError

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"\s*([1-9][0-9]{0,8})\s*/\s*(second|minute|hour|day)\s*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.-]+(:[0-9]{1,5})?")


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    window_s: int

    def share(self, workers: int) -> "Rate":
        """Give what one of several workers allows that each count for themselves: at least one request."""
        return Rate(-(-self.requests // workers), self.window_s)


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int


def read_rate(name: str, text: str) -> Rate:
    """Read `60/minute`.

    Raises:
        SettingsError: it is no rate.
    """
    found = _RATE.fullmatch(text)
    if not found:
        raise SettingsError(
            f"{name} must be a number of requests in a second, minute, hour or day, such as 60/minute, "
            f"not {text!r}."
        )
    return Rate(int(found[1]), _SECONDS[found[2]])


def read_origins(name: str, text: str) -> tuple[str, ...]:
    """Read `https://app.example, capacitor://localhost`.

    Raises:
        SettingsError: one of them is no origin; there is no wildcard.
    """
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{name} must be origins as browsers send them, such as https://app.example, in lower case, "
                f"without path and without *, separated by commas, not {origin!r}."
            )
    return origins


def read_address(name: str, text: str) -> Address:
    """Read `127.0.0.1:9464` or `[::1]:9464`.

    Raises:
        SettingsError: it is no address with a port.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingsError(f"{name} must be an address and a port, such as 127.0.0.1:9464, not {text!r}.")
    return Address(host, int(port))
