"""What each command does once its arguments are read; results go to standard output, everything else to
standard error.
"""

import argparse
import json
import tempfile
from pathlib import Path

from batch.console import Console
from batch.evaluate import answer_photos, open_bundle
from batch.evaluation import measure_kinds
from batch.exit_codes import DONE, REFUSED
from batch.settings import BuildSettings
from batch.terminal import metrics_table
from models.errors import SettingsError, StoreEmpty
from models.locations import S3Options
from models.store import open_store


def build_bundle(given: argparse.Namespace) -> int:
    """`build`: prints the version that was published."""
    from batch.pipeline import build  # Spark: only who builds pays for it

    settings = BuildSettings(
        corpora=tuple(given.corpus),
        store=given.store,
        features=given.features,
        network=given.network,
        feature_tensor=given.feature_tensor,
        weights=given.weights,
        components=given.components,
        whitening=given.whitening,
        neighbours=given.neighbours,
        master=given.master,
        strict_labels=given.strict_labels,
        force=given.force,
        max_rejects=given.max_rejects,
        reader=given.reader,
        s3=_s3(given),
    )
    console = Console()
    outcome = build(settings, console)
    if outcome.metrics:
        console.say("on photos kept apart:\n" + metrics_table(outcome.metrics))
    if outcome.version is None:
        console.warn("refused: the current bundle stays. --force publishes all the same.")
        return REFUSED
    print(outcome.version)
    return DONE


def evaluate_bundle(given: argparse.Namespace) -> int:
    """`evaluate`: prints a table or JSON."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="fruits-bundle-") as cache:
        identifier = open_bundle(given.bundle, _s3(given), Path(cache))
    with console.step("answer") as progress:
        answered = answer_photos(
            identifier, given.photos, _s3(given), only_kept_apart=given.only_kept_apart, on_progress=progress
        )
    metrics = measure_kinds(answered)
    if given.json:
        print(
            json.dumps(
                {"bundle": identifier.version, "network": identifier.network, "metrics": metrics}, indent=1
            )
        )
        return DONE
    print(f"bundle {identifier.version}, network {identifier.network}\n{metrics_table(metrics)}")
    for row in metrics["all"]["confusions"]:
        print(f"  {row['count']:4d} of {row['of']:4d} photos of {row['fruit']} called {row['said']}")
    return DONE


def manage_bundles(given: argparse.Namespace) -> int:
    """`bundles list|promote|rollback`."""
    if given.version and given.action != "promote":
        raise SettingsError(
            f"{given.action} takes no version, got {given.version}; promote is what makes that one current."
        )
    store = open_store(given.store, _s3(given))
    current, versions = store.current(), store.versions()
    if given.action == "list":
        for version in versions:
            print(f"{version}{'  current' if current and version == current.version else ''}")
        return DONE
    if given.action == "promote":
        if not given.version:
            raise SettingsError(
                "promote needs the version to make current; `bundles list` shows those that are there."
            )
        print(store.promote(given.version, current).version)
        return DONE
    if current is None:
        raise StoreEmpty(f"{given.store} has no current bundle to roll back from.")
    earlier = [version for version in versions if version < current.version]
    if not earlier:
        raise SettingsError(f"{given.store} holds no bundle older than {current.version} to roll back to.")
    print(store.promote(earlier[-1], current).version)
    return DONE


def render_photos(given: argparse.Namespace) -> int:
    """`synth`: prints how many photos were rendered."""
    from batch.synthetic import render_corpus

    console = Console()
    with console.step("render") as progress:
        count = render_corpus(
            Path(given.out),
            photos_per_fruit=given.photos,
            negatives=given.negatives,
            seed=given.seed,
            kind=given.kind,
            on_progress=progress,
        )
    print(f"{count} photos in {given.out}")
    return DONE


def _s3(given: argparse.Namespace) -> S3Options:
    return S3Options(endpoint_url=given.endpoint_url, region=given.region, profile=given.profile)
