"""The bundle that the product ships with: it holds the one committed copy of the network."""

from pathlib import Path

DEFAULT_BUNDLE = Path(__file__).parent / "default"
DEFAULT_WEIGHTS = Path(__file__).parent / "fruitnet-3.npz"
"""Keras weights of the default bundle's network in float16, to train on from."""
