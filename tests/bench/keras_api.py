"""What one would write instead of this API: Flask, Keras' MobileNetV2 and scikit-learn's nearest neighbours.

    KERAS_API_INDEX=index.npz gunicorn --config tests/bench/keras_api.conf.py "tests.bench.keras_api:create()"

The weights are random, seeded: as fast and as large as trained ones, which lie on a hub. So are the indexed
vectors, as many as the default bundle has. What it answers means nothing; what it costs does.
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask, request

SIDE_PX = 224
FEATURES, COMPONENTS, NEIGHBOURS = 1280, 50, 5
SEED = 7
INDEX = "KERAS_API_INDEX"
PACKAGES = ("flask", "gunicorn", "numpy", "pillow", "scikit-learn", "tensorflow")


def write_index(path: Path, photos: int) -> None:
    """Write vectors, labels and a projection of the sizes that the classic recipe has."""
    random = np.random.default_rng(SEED)
    np.savez(
        path,
        vectors=random.normal(size=(photos, COMPONENTS)).astype(np.float32),
        labels=random.integers(0, 50, photos),
        components=random.normal(size=(COMPONENTS, FEATURES)).astype(np.float32),
    )


def create() -> Flask:
    """Make the application, with everything loaded."""
    import keras
    from PIL import Image
    from sklearn.neighbors import NearestNeighbors

    keras.utils.set_random_seed(SEED)
    network = keras.applications.MobileNetV2(
        (SIDE_PX, SIDE_PX, 3), include_top=False, weights=None, pooling="avg"
    )
    with np.load(os.environ[INDEX]) as index:
        labels, components = index["labels"], index["components"]
        neighbours = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(index["vectors"])
    app = Flask(__name__)

    @app.post("/identify")
    def identify() -> dict[str, Any]:
        image = Image.open(io.BytesIO(request.files["photo"].read())).convert("RGB")
        pixels = np.asarray(image.resize((SIDE_PX, SIDE_PX)), np.float32)[None]
        features = network.predict(keras.applications.mobilenet_v2.preprocess_input(pixels), verbose=0)
        distances, rows = neighbours.kneighbors(features @ components.T)
        return {
            "results": [
                {"fruit": int(labels[row]), "score": 1 - float(distance)}
                for distance, row in zip(distances[0], rows[0], strict=True)
            ]
        }

    return app
