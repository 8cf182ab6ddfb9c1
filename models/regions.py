"""Which AWS regions may be used: those inside the European Union, and nothing else.

London (eu-west-2) and Zurich (eu-central-2) carry an `eu-` name and are not in the European Union.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from models.errors import RegionRefused

DEFAULT_REGION = "eu-west-3"

EU_REGIONS = (
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-3",
    "eusc-de-east-1",
)
_AWS_HOST = re.compile(r"\.(?:amazon(?:aws|webservices)\.[a-z.]+|api\.aws)$")
_REGION_IN_HOST = re.compile(r"(?<![a-z0-9])[a-z]{2,5}(?:-[a-z]+){1,3}-\d+(?![a-z0-9])")


def check_region(region: str | None, subject: str = "the AWS region") -> None:
    """Refuse a region that is not on the allow-list.

    Args:
        region: a region name such as `eu-west-3`; None where none is known.
        subject: what lies in that region, for the message.

    Raises:
        RegionRefused: the region is not one of `EU_REGIONS`.
    """
    if region not in EU_REGIONS:
        raise RegionRefused(
            f"{subject} is {region or 'not known'}; only regions inside the European Union are used: "
            f"{', '.join(EU_REGIONS)}. Choose one of them and move the data there."
        )


def check_endpoint(endpoint_url: str) -> None:
    """Refuse an address of AWS that lies in a region off the allow-list, or names none and so is served from
    the United States.

    Servers that are not of AWS pass: their bucket's region is asked for.

    Raises:
        RegionRefused: the host is of AWS and its region is not one of `EU_REGIONS`.
    """
    host = (urlsplit(endpoint_url).hostname or "").rstrip(".")  # a name may end in the dot of the root
    if _AWS_HOST.search(host):
        for region in _REGION_IN_HOST.findall(host) or [None]:
            check_region(region, f"the region of the endpoint {endpoint_url}")


def is_loopback(endpoint_url: str | None) -> bool:
    """Tell whether an endpoint is this very machine, so that nothing can leave the European Union.

    Only `localhost` and literal loopback addresses count: a name that merely resolves to one may resolve to
    another address at the next call.
    """
    if not endpoint_url:
        return False
    try:
        host = urlsplit(endpoint_url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
