"""Reads typed fields out of decoded JSON and says what was expected where another thing stands."""

from typing import Any

from models.errors import BundleCorrupt


def object_at(raw: dict[str, Any], key: str) -> dict[str, Any]:
    """Read an object."""
    value = raw[key]
    if not isinstance(value, dict):
        raise wrong(key, "an object", value)
    return value


def text_at(raw: dict[str, Any], key: str, of: str = "") -> str:
    """Read a text that is not empty; `of` names the object that holds it."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise wrong(f"{of}.{key}".lstrip("."), "a text", value)
    return value


def texts_at(raw: dict[str, Any], key: str) -> list[str]:
    """Read a list of texts."""
    value = raw[key]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong(key, "a list of texts", value)
    return value


def count_at(raw: dict[str, Any], key: str, *, least: int, of: str = "") -> int:
    """Read a whole number of at least `least`."""
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise wrong(f"{of}.{key}".lstrip("."), f"a whole number from {least} on", value)
    return value


def share_at(raw: dict[str, Any], key: str) -> float:
    """Read a number from 0 to 1, with room for the rounding of a float32 sum."""
    value = raw[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1.000001:
        raise wrong(key, "a number from 0 to 1", value)
    return float(value)


def wrong(key: str, expected: str, found: object) -> BundleCorrupt:
    """Give the error that says what a field must be and what it is."""
    return BundleCorrupt(f"{key} must be {expected}, it is {str(found)[:80]!r}")
