"""Settings that are more than a word or a number."""

import pytest

from api.setting_values import Address, Rate
from api.settings import Settings
from models.errors import SettingsError


def read(**values: str) -> Settings:
    return Settings.from_environ({f"FRUITS_{name.upper()}": value for name, value in values.items()})


@pytest.mark.parametrize(
    ("text", "rate"),
    [("60/minute", Rate(60, 60)), (" 5 / second ", Rate(5, 1)), ("1000/day", Rate(1000, 86_400))],
)
def test_a_rate_is_a_number_and_a_span_of_time(text: str, rate: Rate) -> None:
    assert read(rate_limit=text).rate == rate


@pytest.mark.parametrize(
    "text", ["60", "60/min", "0/minute", "-1/minute", "60 per minute", "1.5/second", "/minute"]
)
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(SettingsError, match=r"FRUITS_RATE_LIMIT must be .* such as 60/minute"):
        read(rate_limit=text)


def test_origins_are_a_list() -> None:
    settings = read(cors_origins="https://app.example, http://localhost:3000,capacitor://localhost")
    assert settings.origins == ("https://app.example", "http://localhost:3000", "capacitor://localhost")


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*.example",
        "https://app.example/",
        "app.example",
        "https://App.example",
        "null",
        "https://",
    ],
)
def test_there_is_no_wildcard_and_no_path(text: str) -> None:
    with pytest.raises(SettingsError, match="FRUITS_CORS_ORIGINS must be origins"):
        read(cors_origins=text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        ("[::1]:9464", Address("::1", 9464)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: Address) -> None:
    assert read(metrics_bind=text).metrics_address == address


@pytest.mark.parametrize(
    "text", ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:x"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(SettingsError, match="FRUITS_METRICS_BIND must be an address and a port"):
        read(metrics_bind=text)


def test_by_default_there_is_none_of_them() -> None:
    settings = Settings.from_environ({})
    assert (settings.rate, settings.origins, settings.metrics_address) == (None, (), None)
