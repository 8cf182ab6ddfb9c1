"""Numbers of the command line, refused with what was expected."""

import argparse


def positive(text: str) -> int:
    """Read a whole number of 1 or more."""
    return _whole(text, 1)


def count(text: str) -> int:
    """Read a whole number of 0 or more."""
    return _whole(text, 0)


def share(text: str) -> float:
    """Read a share between 0 and 1."""
    value = _number(text)
    if value is None or not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, got {text}")
    return value


def amount(text: str) -> float:
    """Read an amount of US dollars above 0."""
    value = _number(text)
    if value is None or not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected an amount of US dollars above 0, got {text}")
    return value


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"expected a whole number of {least} or more, got {text}")
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
