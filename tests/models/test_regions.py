"""Only regions inside the European Union pass, and only this machine is exempt."""

import pytest

from models.errors import RegionRefused
from models.regions import DEFAULT_REGION, EU_REGIONS, check_endpoint, check_region, is_loopback


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


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://s3.eu-west-3.amazonaws.com",
        "https://s3.dualstack.eu-west-3.amazonaws.com",
        "https://bucket.s3.eu-central-1.amazonaws.com",
        "https://bucket.vpce-0a1b2c3d-4e5f6a7b.s3.eu-west-1.vpce.amazonaws.com",
        "https://s3.eusc-de-east-1.amazonaws.eu",
        "https://s3.eusc-de-east-1.api.amazonwebservices.eu",
        "https://s3.example.org",
        "http://192.168.0.7:9000",
        "https://amazonaws.com.example.org",
    ],
)
def test_an_address_of_aws_inside_the_european_union_passes_and_so_do_other_servers(endpoint: str) -> None:
    check_endpoint(endpoint)


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://s3.amazonaws.com", "not known"),
        ("https://s3-accelerate.amazonaws.com", "not known"),
        ("https://s3.us-east-1.amazonaws.com", "us-east-1"),
        ("https://s3.us-east-1.api.aws.", "us-east-1"),
        ("https://s3.dualstack.us-west-2.api.aws.:443/x", "us-west-2"),
        ("https://s3.dualstack.eu-west-2.amazonaws.com", "eu-west-2"),
        ("https://S3.EU-CENTRAL-2.AMAZONAWS.COM:443/", "eu-central-2"),
        ("https://s3-us-west-2.amazonaws.com", "us-west-2"),
        ("https://s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("https://s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("https://bucket.s3.eu-west-3.s3.us-east-1.amazonaws.com", "us-east-1"),
        ("https://s3.us-east-2.api.aws", "us-east-2"),
    ],
)
def test_an_address_of_aws_elsewhere_is_refused(endpoint: str, region: str) -> None:
    with pytest.raises(RegionRefused, match=f"is .*{region};"):
        check_endpoint(endpoint)
