"""Settings: read once, checked before anything starts."""

from dataclasses import fields

import pytest

from api.settings import Settings, settings_table, variable
from models.errors import SettingsError


def test_without_variables_the_defaults_hold_and_other_variables_do_not_matter() -> None:
    assert Settings.from_environ({"PATH": "/bin", "FRUIT": "x"}) == Settings()


def test_values_are_read_by_kind() -> None:
    settings = Settings.from_environ(
        {
            "FRUITS_STORE": "s3://b/p",
            "FRUITS_WORKERS": " 4 ",
            "FRUITS_BODY_TIMEOUT_S": "2.5",
            "FRUITS_QUEUE": "",
        }
    )
    assert (settings.store, settings.workers, settings.body_timeout_s, settings.queue) == (
        "s3://b/p",
        4,
        2.5,
        8,
    )


def test_an_unknown_variable_is_refused_with_close_matches() -> None:
    with pytest.raises(SettingsError, match=r"FRUITS_WORKER is not a setting\. Did you mean FRUITS_WORKERS"):
        Settings.from_environ({"FRUITS_WORKER": "2"})


def test_an_unknown_variable_like_no_other_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="Known: FRUITS_STORE"):
        Settings.from_environ({"FRUITS_ZZZZZZZZ": "2"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRUITS_WORKERS", "two"),
        ("FRUITS_WORKERS", "0"),
        ("FRUITS_WORKERS", "1.5"),
        ("FRUITS_BODY_TIMEOUT_S", "0"),
        ("FRUITS_BODY_TIMEOUT_S", "nan"),
        ("FRUITS_BODY_TIMEOUT_S", "inf"),
        ("FRUITS_TRUSTED_PROXIES", "-1"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be .*{value}"):
        Settings.from_environ({name: value})


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-2", "eu-central-2", "nowhere"])
def test_a_region_outside_the_european_union_is_refused_before_anything_starts(region: str) -> None:
    given = {"FRUITS_STORE": "s3://bucket", "FRUITS_S3_REGION": region}
    with pytest.raises(
        SettingsError, match=f"FRUITS_S3_REGION is {region}; only regions inside the European"
    ):
        Settings.from_environ(given)
    with pytest.raises(SettingsError, match="FRUITS_S3_REGION"):
        Settings.from_environ({**given, "FRUITS_S3_ENDPOINT": "https://s3.example.org"})
    assert Settings.from_environ({**given, "FRUITS_S3_ENDPOINT": "http://127.0.0.1:9000"}).s3_region == region
    assert Settings.from_environ({**given, "FRUITS_S3_REGION": "eu-west-3"}).s3_region == "eu-west-3"


def test_limits_of_the_decoder_follow_the_settings() -> None:
    limits = Settings(max_photo_bytes=5, max_photo_pixels=6).photo_limits
    assert (limits.max_bytes, limits.max_pixels) == (5, 6)


def test_the_table_has_a_row_for_every_setting() -> None:
    rows = settings_table().splitlines()
    assert len(rows) == len(fields(Settings)) + 2
    assert all(f"| `{variable(f)}` |" in row for f, row in zip(fields(Settings), rows[2:], strict=True))
    assert "| `FRUITS_BODY_TIMEOUT_S` | `30` | Seconds in which a request's body must have arrived |" in rows
