"""Every setting of the API in one place: read once from the environment, checked before anything starts."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from api.setting_values import Address, Rate, read_address, read_origins, read_rate
from models.errors import LocationInvalid, RegionRefused, SettingsError
from models.locations import S3Options
from models.masking import refuse_secrets
from models.photo import PhotoLimits
from models.regions import check_region, is_loopback

PREFIX = "FRUITS_"
DECODING_BYTES = 120_000_000
"""What decoding may take in a worker; what is larger is decoded in a process of its own, one at a time."""


def _setting(default: Any, about: str, *, lowest: float | None = None, unset: str | None = None) -> Any:
    """Declare a field with its line for the table, its lowest value and how an absent default reads."""
    return field(default=default, metadata={"about": about, "lowest": lowest, "unset": unset})


@dataclass(frozen=True)
class Settings:
    """What a deployment can change; the field `max_photo_bytes` is the variable `FRUITS_MAX_PHOTO_BYTES`."""

    store: str | None = _setting(
        None,
        "Bundle store to serve from: a folder, `file://` or `s3://bucket/prefix`",
        unset="the default bundle",
    )
    cache: str = _setting(
        "~/.cache/fruits/bundles",
        "Folder for bundles fetched from S3 and the note of the last good one, for a start without the store",
    )
    s3_endpoint: str | None = _setting(
        None, "S3-compatible endpoint, such as `http://127.0.0.1:9000`", unset="Amazon S3"
    )
    s3_region: str | None = _setting(None, "Region of the bucket; must lie in the EU", unset="found by boto3")
    s3_profile: str | None = _setting(None, "Profile of `~/.aws/config` to use", unset="found by boto3")
    store_poll_s: float = _setting(
        30.0, "Seconds between two looks at which bundle the store names as current", lowest=0.01
    )
    store_retry_s: float = _setting(
        10.0,
        "Seconds until a failed look or download is tried again; doubled each time, to 120 at most",
        lowest=0.01,
    )
    bind: str = _setting("127.0.0.1:8000", "Address and port to listen on")
    workers: int = _setting(2, "Worker processes", lowest=1)
    threads: int = _setting(
        16,
        "Threads a worker: requests that it can hold at once; one in eight is kept for those without a photo",
        lowest=1,
    )
    queue: int = _setting(8, "Requests a worker lets wait for a core; more are answered 503", lowest=0)
    queue_timeout_s: float = _setting(10.0, "Longest wait for a core, in seconds, before 503", lowest=0)
    max_photo_bytes: int = _setting(20_000_000, "Largest photo, in bytes", lowest=1)
    max_request_bytes: int = _setting(50_000_000, "Largest request, in bytes", lowest=1)
    max_photo_pixels: int = _setting(
        50_000_000, "Largest photo, in pixels (phones send 48 million)", lowest=1
    )
    header_timeout_s: float = _setting(
        10.0, "Seconds in which a request's headers must have arrived", lowest=0.01
    )
    body_timeout_s: float = _setting(30.0, "Seconds in which a request's body must have arrived", lowest=0.01)
    trusted_proxies: int = _setting(
        0, "Reverse proxies in front whose `X-Forwarded-*` headers count", lowest=0
    )
    rate_limit: str | None = _setting(
        None,
        "Calls of `/identify` that a client network (/24 of IPv4, /48 of IPv6) may make, such as "
        "`60/minute`; each worker counts for itself and allows its share",
        unset="no limit",
    )
    cors_origins: str | None = _setting(
        None,
        "Origins of apps in browsers that may call the API, separated by commas, such as `https://app.example`",
        unset="none",
    )
    metrics_bind: str | None = _setting(
        None, "Address and port where Prometheus asks for `/metrics`, such as `127.0.0.1:9464`", unset="off"
    )
    privacy_contact: str | None = _setting(
        None, "Who runs this service and how to reach them, as `/privacy` says it", unset="not said"
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the `FRUITS_*` variables; an empty one counts as unset.

        Raises:
            SettingsError: a variable is unknown, its value is of the wrong kind or out of range, an address
                carries a secret, or the region is outside the European Union.
        """
        given = {
            k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith(PREFIX)
        }
        known = {variable(f): f for f in fields(cls)}
        for name in sorted(given.keys() - known.keys()):
            raise SettingsError(f"{name} is not a setting.{_suggestion(name, list(known))}")
        settings = cls(**{known[k].name: _parse(known[k], v) for k, v in given.items() if v.strip()})
        settings._check_addresses()
        settings._check_region()
        settings._check_values()
        return settings

    @property
    def s3(self) -> S3Options:
        """How to reach S3."""
        return S3Options(endpoint_url=self.s3_endpoint, region=self.s3_region, profile=self.s3_profile)

    @property
    def photo_limits(self) -> PhotoLimits:
        """What the decoder accepts."""
        return PhotoLimits(
            max_bytes=self.max_photo_bytes,
            max_pixels=self.max_photo_pixels,
            in_process_bytes=DECODING_BYTES,
        )

    @property
    def cache_folder(self) -> Path:
        """Where fetched bundles lie, one folder a store."""
        return Path(self.cache).expanduser()

    @property
    def rate(self) -> Rate | None:
        """What a client network may do, over all workers."""
        return read_rate(f"{PREFIX}RATE_LIMIT", self.rate_limit) if self.rate_limit else None

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins whose scripts may call the API."""
        return read_origins(f"{PREFIX}CORS_ORIGINS", self.cors_origins) if self.cors_origins else ()

    @property
    def metrics_address(self) -> Address | None:
        """Where Prometheus asks."""
        return read_address(f"{PREFIX}METRICS_BIND", self.metrics_bind) if self.metrics_bind else None

    def _check_values(self) -> None:
        # Reading them checks them.
        _ = self.rate, self.origins, self.metrics_address

    def _check_addresses(self) -> None:
        """Refuse passwords and keys in addresses before anything logs them."""
        try:
            _ = self.s3
            refuse_secrets(self.store or "", f"{PREFIX}STORE")
        except LocationInvalid as error:
            raise SettingsError(str(error)) from error

    def _check_region(self) -> None:
        # A server on this machine may be told any region: nothing leaves it.
        if self.s3_region is None or is_loopback(self.s3_endpoint):
            return
        try:
            check_region(self.s3_region, f"{PREFIX}S3_REGION")
        except RegionRefused as error:
            raise SettingsError(str(error)) from error


def variable(setting: "Field[Any]") -> str:
    """Name the environment variable of a field."""
    return PREFIX + setting.name.upper()


def settings_table() -> str:
    """Render the settings as a Markdown table, one row a variable."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for f in fields(Settings):
        default = f.metadata["unset"] or f"`{_plain(f.default)}`"
        rows.append(f"| `{variable(f)}` | {default} | {f.metadata['about']} |")
    return "\n".join(rows)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _suggestion(name: str, known: list[str]) -> str:
    # Compared without the prefix, which would make everything look close.
    by_ending = {k.removeprefix(PREFIX): k for k in known}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), by_ending, n=3, cutoff=0.6)
    return (
        f" Did you mean {' or '.join(by_ending[k] for k in close)}?"
        if close
        else f" Known: {', '.join(known)}."
    )


def _parse(setting: "Field[Any]", text: str) -> Any:
    kind = {int: int, float: float}.get(type(setting.default), str)
    try:
        value = kind(text.strip())
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{variable(setting)} must be {wanted}, not {text!r}.") from None
    lowest = setting.metadata["lowest"]
    # `not >=` rather than `<`, so that nan is refused too.
    if lowest is not None and not float("inf") > value >= lowest:
        raise SettingsError(f"{variable(setting)} must be at least {_plain(lowest)}, not {text!r}.")
    return value
