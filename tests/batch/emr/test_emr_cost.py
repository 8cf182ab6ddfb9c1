"""What a build is said to cost: by hand for one case, dated, by region, and dearer when more is asked."""

import json
from pathlib import Path

import pytest

from batch.embedding import SHARD_PHOTOS
from batch.emr import cost
from batch.emr.capacity import EC2, SERVERLESS, Capacity
from batch.emr.cost import estimate, peers_mark, prices, spent_usd
from models.errors import RegionRefused, SettingsError
from models.regions import EU_REGIONS

FOLDER = Path(cost.__file__).parent


def rates() -> dict[str, dict[str, float]]:
    return dict(json.loads((FOLDER / "rates.json").read_text()))


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with both tables, which the code reads instead of its own."""
    for name in ("prices.json", "rates.json"):
        (tmp_path / name).write_text((FOLDER / name).read_text())
    monkeypatch.setattr(cost, "_FOLDER", tmp_path)
    return tmp_path


def test_a_case_worked_out_by_hand(tables: Path) -> None:
    table = json.loads((tables / "prices.json").read_text())
    table["base"] = {"vcpu_hour": 0.05, "gb_hour": 0.005, "reads_1000": 0.0004, "writes_1000": 0.005}
    table["margin"] = 2
    (tables / "prices.json").write_text(json.dumps(table))
    known = json.loads((tables / "rates.json").read_text())
    known["measured"] |= {
        "photos": 40_000,
        "cores": 2,
        "embed_photos_per_s": 400,
        "build_s": 150,
        "spark_start_s": 10,
    }
    known["assumed"] |= {"pace_of_a_vcpu": 0.5, "start_minutes": {"serverless": 2, "ec2": 8}}
    (tables / "rates.json").write_text(json.dumps(known))

    priced = estimate(120_000, "eu-west-3", Capacity(executors=3))

    # 120,000 / (200 a core x 0.5 x 12 vCPUs) = 100 s
    # the rest 10 / 0.5 + 120,000 x 40 s / 40,000 / 0.5 = 260 s
    assert priced.minutes == pytest.approx(2 + 360 / 60)
    assert priced.vcpu_hours == pytest.approx(16 * 8 / 60)
    assert priced.gb_hours == pytest.approx(52 * 8 / 60)
    assert priced.compute_usd == pytest.approx(8 / 60 * (16 * 0.10 + 52 * 0.01))
    # 240 shards x 10 reads + 200; 240 shards + 120 pages + 50
    assert (priced.reads, priced.writes) == (122_600, 410)
    assert priced.requests_usd == pytest.approx(2 * (122.6 * 0.0004 + 0.41 * 0.005))
    assert priced.usd == priced.compute_usd + priced.requests_usd


def test_a_run_is_stopped_before_it_costs_more_than_allowed() -> None:
    priced = estimate(67_692, "eu-west-3", SERVERLESS)
    minutes = priced.minutes_for(1.0)
    assert minutes * priced.usd_per_minute + priced.requests_usd <= 1.0
    assert (minutes + 1) * priced.usd_per_minute + priced.requests_usd > 1.0
    assert priced.minutes_for(0.01) == 5
    assert priced.minutes_for(10_000) == 1440


def test_every_region_of_the_allow_list_has_prices_and_no_other() -> None:
    assert set(json.loads((FOLDER / "prices.json").read_text())["regions"]) == set(EU_REGIONS)
    for region in EU_REGIONS:
        assert prices(region).vcpu_hour > 0
    with pytest.raises(RegionRefused):
        prices("eu-west-2")


def test_a_price_that_nobody_checked_is_raised_and_said_to_be(tables: Path) -> None:
    assert prices("eu-west-3").vcpu_hour == pytest.approx(0.0526 * 1.25)
    said = " ".join(estimate(1000, "eu-west-3", SERVERLESS).assumptions)
    assert "not checked for this region, raised by 25%" in said

    table = json.loads((tables / "prices.json").read_text())
    table["regions"]["eu-west-3"] = {"vcpu_hour": 0.06, "gb_hour": 0.007, "checked": "2027-01-31"}
    (tables / "prices.json").write_text(json.dumps(table))
    checked = prices("eu-west-3")
    assert (checked.vcpu_hour, checked.gb_hour, checked.margin) == (0.06, 0.007, 1.0)
    assert "checked for this region on 2027-01-31" in " ".join(
        estimate(1000, "eu-west-3", SERVERLESS).assumptions
    )


def test_the_tables_are_dated_and_name_their_source() -> None:
    for name in ("prices.json", "rates.json"):
        assert json.loads((FOLDER / name).read_text())["date"].startswith("20")
    assert "second-hand" in json.loads((FOLDER / "prices.json").read_text())["source"]
    assert rates()["assumed"]["photos_a_shard"] == SHARD_PHOTOS


def test_more_photos_take_longer_and_more_executors_less_long() -> None:
    few, many = (estimate(photos, "eu-west-3", SERVERLESS) for photos in (10_000, 100_000))
    assert many.minutes > few.minutes
    assert many.usd > few.usd
    wide = estimate(100_000, "eu-west-3", Capacity(executors=12))
    assert wide.minutes < many.minutes


def test_a_cluster_pays_for_whole_machines_and_two_more() -> None:
    priced = estimate(67_692, "eu-west-3", EC2, "ec2")
    assert priced.vcpu_hours / priced.gb_hours == pytest.approx(4 / 16)
    assert priced.vcpu_hours == pytest.approx((EC2.executors + 2) * 4 * priced.minutes / 60)
    assert any("Spot" in assumption for assumption in priced.assumptions)


def test_ours_is_below_the_mark_of_the_peers() -> None:
    photos, mark = peers_mark()
    assert (photos, mark) == (67_692, "67,692 photos, 1.60 EUR, 83 minutes")
    ours = estimate(photos, "eu-west-3", SERVERLESS)
    assert ours.minutes < 83
    # In dollars, theirs in euros: no rate between the two makes up for the difference.
    assert ours.usd < 1.60 / 2


def test_a_bill_is_priced_as_an_estimate_is() -> None:
    priced = estimate(50_000, "eu-west-1", SERVERLESS)
    assert spent_usd(priced.vcpu_hours, priced.gb_hours, "eu-west-1") == pytest.approx(priced.compute_usd)


def test_what_cannot_be_priced_is_refused() -> None:
    with pytest.raises(SettingsError, match="1 photo or more"):
        estimate(0, "eu-west-3", SERVERLESS)
    with pytest.raises(SettingsError, match="1 executor or more"):
        Capacity(executors=0)


def test_the_default_size_is_one_that_a_new_account_may_have_and_emr_serverless_sells() -> None:
    assert SERVERLESS.vcpu == 16
    assert SERVERLESS.memory_gb <= 64
    # A worker of 4 vCPU has 8 to 30 GB.
    for heap_gb, python_gb in (
        (SERVERLESS.driver_heap_gb, SERVERLESS.driver_python_gb),
        (SERVERLESS.executor_heap_gb, SERVERLESS.executor_python_gb),
    ):
        assert 8 <= heap_gb + python_gb <= 30
    # What YARN lends on a machine of 16 GB.
    assert max(EC2.driver_heap_gb + EC2.driver_python_gb, EC2.executor_heap_gb + EC2.executor_python_gb) <= 12
