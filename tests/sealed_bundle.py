"""Small sealed bundles for tests of what carries bundles about; their files hold noise, not networks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from models.bundle import FILES, Manifest, seal

NOW = datetime(2026, 11, 22, 18, 15, 0, tzinfo=UTC)


def description(**changes: Any) -> dict[str, Any]:
    """Give all that `seal` wants to know of a build."""
    whole: dict[str, Any] = {
        "network": {
            "name": "tiny-1",
            "sha256": "0" * 64,
            "input_size": 96,
            "feature_tensor": None,
            "preprocessing": "in the network",
        },
        "d_cnn": 1280,
        "d_pca": 64,
        "explained_variance": 0.9,
        "counts": {"apple": 3, "pear": 2},
        "corpora": ["phone"],
        "calibration": {"temperature": 1.5},
        "thresholds": {"is_fruit": 0.5},
        "metrics": {"top1": 0.9},
        "index": {"kind": "flat"},
        "warnings": ["few photos of pear"],
    }
    return whole | changes


def write_bundle(folder: Path, seed: int = 0, file_bytes: int = 2000, **changes: Any) -> Manifest:
    """Write and seal a bundle of noise; another seed gives another content and a time one second later."""
    noise = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (folder / name).write_bytes(noise.bytes(file_bytes))
    return seal(folder, description(**changes), now=NOW + timedelta(seconds=seed))
