"""Only regions inside the European Union pass, and only this machine is exempt."""

import pytest

from models.errors import RegionRefused
from models.regions import DEFAULT_REGION, EU_REGIONS, check_region, is_loopback


@pytest.mark.parametrize("region", EU_REGIONS)
def test_a_region_inside_the_european_union_passes(region: str) -> None:
    check_region(region)


def test_the_default_region_is_on_the_list() -> None:
    assert DEFAULT_REGION in EU_REGIONS


@pytest.mark.parametrize(
    "region",
    [
        "eu-west-2",
        "eu-central-2",
        "us-east-1",
        "eu",
        "EU",
        "EU-WEST-3",
        " eu-west-3",
        "eu-west-3\n",
        "",
        None,
    ],
    ids=repr,
)
def test_a_region_off_the_list_is_refused(region: str | None) -> None:
    with pytest.raises(RegionRefused, match="eu-west-3"):
        check_region(region)


@pytest.mark.parametrize("region", ["eu-west-2", "eu-central-2"])
def test_london_and_zurich_are_refused_by_name(region: str) -> None:
    with pytest.raises(RegionRefused, match=f"the bucket's region is {region};"):
        check_region(region, "the bucket's region")


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:9000", "https://localhost", "http://LOCALHOST:5000/x", "http://[::1]:9000"]
)
def test_an_endpoint_on_this_machine_is_loopback(endpoint: str) -> None:
    assert is_loopback(endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "",
        "https://s3.eu-west-3.amazonaws.com",
        "http://192.168.0.7:9000",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://example.com/?localhost",
        "http://[::1",
        "127.0.0.1:9000",
    ],
    ids=repr,
)
def test_any_other_endpoint_is_not_loopback(endpoint: str | None) -> None:
    assert not is_loopback(endpoint)
