"""What a build on AWS will take, in minutes and money, from measured rates and a dated table of prices.

    embedding    photos / (rate of one core x pace of a vCPU x executors' vCPUs)
    the rest     seconds a photo that a measured build spent on everything else / pace of a vCPU
    bill         all vCPUs and all memory for the whole run, start included, and S3's requests

Both tables lie beside this module; replace their figures and dates, not the code. Every assumption errs on
the dear side: executors are let go before a run ends, and starting machines are not billed in full.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from batch.emr.capacity import Capacity
from models.errors import SettingsError
from models.regions import check_region

Mode = Literal["serverless", "ec2"]

_FOLDER = Path(__file__).parent
_LIST_PAGE = 1000
_LEAST_MINUTES, _MOST_MINUTES = 5, 1440


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one region, in US dollars, margin included.

    Attributes:
        vcpu_hour, gb_hour: of a running worker.
        reads_1000, writes_1000: of S3 requests; listing counts as writing.
        checked: when somebody read them for this very region; None if nobody did.
        margin: that they were raised by; 1 when checked.
    """

    vcpu_hour: float
    gb_hour: float
    reads_1000: float
    writes_1000: float
    checked: str | None
    margin: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a build is expected to take at most.

    Attributes:
        photos: to embed, all of them new.
        minutes: from submission to the end.
        vcpu_hours, gb_hours: billed.
        reads, writes: S3 requests.
        compute_usd, requests_usd: what they cost.
        usd_per_minute: while everything runs.
        assumptions: what the figures rest on, a sentence each.
    """

    photos: int
    minutes: float
    vcpu_hours: float
    gb_hours: float
    reads: int
    writes: int
    compute_usd: float
    requests_usd: float
    usd_per_minute: float
    assumptions: tuple[str, ...]

    @property
    def usd(self) -> float:
        """Of the whole run."""
        return self.compute_usd + self.requests_usd

    def minutes_for(self, max_usd: float) -> int:
        """Minutes after which a run must be stopped lest it cost more: 5 (AWS takes no fewer) to 1,440."""
        affordable = (max_usd - self.requests_usd) / self.usd_per_minute
        return max(_LEAST_MINUTES, min(_MOST_MINUTES, math.floor(affordable)))


def prices(region: str) -> Prices:
    """Read the prices of a region.

    Raises:
        RegionRefused: outside the European Union.
        SettingsError: the table does not know that region.
    """
    check_region(region)
    table = _table("prices.json")
    if region not in table["regions"]:
        raise SettingsError(f"prices.json has no entry for {region}; add one, with its date.")
    own: Mapping[str, Any] = table["regions"][region]
    checked = own.get("checked")
    margin = 1.0 if checked else float(table["margin"])
    figures = {name: float(own.get(name, base)) * margin for name, base in table["base"].items()}
    return Prices(**figures, checked=checked, margin=margin)


def estimate(photos: int, region: str, capacity: Capacity, mode: Mode = "serverless") -> Estimate:
    """Price a build before it starts.

    Args:
        photos: of the corpus.
        region: where it runs.
        capacity: what it runs on.
        mode: EMR Serverless, or EMR on EC2.

    Raises:
        RegionRefused, SettingsError: no such prices, or no photos.
    """
    if photos < 1:
        raise SettingsError(f"Expected 1 photo or more to price, got {photos}.")
    price, rates = prices(region), _table("rates.json")
    measured, assumed = rates["measured"], rates["assumed"]
    pace = assumed["pace_of_a_vcpu"]
    core_rate = measured["embed_photos_per_s"] / measured["cores"]
    embed_s = photos / (core_rate * pace * capacity.executors * capacity.executor_vcpu)
    rest_s = measured["spark_start_s"] / pace + photos * _rest_s_a_photo(measured) / pace
    hours = assumed["start_minutes"][mode] / 60 + (embed_s + rest_s) / 3600
    vcpu, memory_gb = _billed(capacity, mode)
    shards = math.ceil(photos / assumed["photos_a_shard"])
    reads = photos + shards * assumed["reads_a_shard"] + assumed["other_reads"]
    writes = shards + math.ceil(photos / _LIST_PAGE) + assumed["other_writes"]
    usd_per_hour = vcpu * price.vcpu_hour + memory_gb * price.gb_hour
    return Estimate(
        photos=photos,
        minutes=hours * 60,
        vcpu_hours=hours * vcpu,
        gb_hours=hours * memory_gb,
        reads=reads,
        writes=writes,
        compute_usd=hours * usd_per_hour,
        requests_usd=(reads * price.reads_1000 + writes * price.writes_1000) / 1000,
        usd_per_minute=usd_per_hour / 60,
        assumptions=_assumptions(price, rates, mode),
    )


def spent_usd(vcpu_hours: float, gb_hours: float, region: str) -> float:
    """Price what EMR Serverless reports as billed."""
    price = prices(region)
    return vcpu_hours * price.vcpu_hour + gb_hours * price.gb_hour


def peers_mark() -> tuple[int, str]:
    """Give the photos of the build to compare with, and what is known of it."""
    peers = _table("prices.json")["peers"]
    return peers["photos"], f"{peers['photos']:,} photos, {peers['cost']}, {peers['minutes']} minutes"


def _rest_s_a_photo(measured: Mapping[str, Any]) -> float:
    embed_s = measured["photos"] / measured["embed_photos_per_s"]
    return float((measured["build_s"] - measured["spark_start_s"] - embed_s) / measured["photos"])


def _billed(capacity: Capacity, mode: Mode) -> tuple[int, int]:
    """Cores and gigabytes that are paid for: on EC2 whole machines, primary and core node included."""
    if mode == "serverless":
        return capacity.vcpu, capacity.memory_gb
    machine = _table("prices.json")["ec2"]
    machines = capacity.executors + 2
    return machines * machine["machine_vcpu"], machines * machine["machine_gb"]


def _assumptions(price: Prices, rates: Mapping[str, Any], mode: Mode) -> tuple[str, ...]:
    table, measured, assumed = _table("prices.json"), rates["measured"], rates["assumed"]
    pace, minutes = assumed["pace_of_a_vcpu"], assumed["start_minutes"][mode]
    origin = (
        f"checked for this region on {price.checked}"
        if price.checked
        else f"not checked for this region, raised by {price.margin - 1:.0%} ({table['margin_reason']})"
    )
    said = [
        f"rates of {rates['date']}: {measured['embed_photos_per_s']} photos/s on {rates['machine']}",
        f"a build of {measured['photos']:,} photos took {measured['build_s']} s there",
        f"a vCPU is taken for {pace:g} of such a core; nothing was measured on AWS",
        "photos as small as those measured; full-size phone photos take longer to decode",
        f"{minutes} minutes to start, billed in full; every worker is billed to the end",
        "every photo is new; features kept from an earlier build cost a fraction",
        f"prices of {table['date']}, {origin}. {table['source']}",
    ]
    return (*said, f"machines: {table['ec2']['reason']}") if mode == "ec2" else tuple(said)


def _table(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text("utf-8"))
