"""Decodes a photo in a process of its own, where it may take memory, time and a crash with it.

A service that answers others meanwhile sends there what is large, and what cannot be told beforehand.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models import errors

if TYPE_CHECKING:
    from models.photo import PhotoLimits

TIMEOUT_S = 40
_ROOT = Path(__file__).resolve().parents[1]
_RAISED = {
    error.code: error
    for error in (errors.NotAnImage, errors.UndecodablePhoto, errors.PhotoTooLarge, errors.PhotoTooSmall)
}


def decode_apart(
    data: bytes, working_side_px: int, limits: "PhotoLimits"
) -> tuple[dict[str, Any], npt.NDArray[np.uint8]]:
    """Let a new process decode a photo.

    Returns:
        Format, width and height of the photo, and its pixels: uint8 (h, w, 3), read-only.

    Raises:
        PhotoError: what `models.photo.decode` raised there, or UndecodablePhoto where the process ended
            before it was done.
    """
    orders = json.dumps({"working_side_px": working_side_px, "limits": asdict(limits)})
    command = [sys.executable, "-m", "models.photo_process", orders]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=True,
        )
        end = done.stdout.index(b"\n")
        told = json.loads(done.stdout[:end])
    except (subprocess.SubprocessError, ValueError) as error:
        raise errors.UndecodablePhoto(
            "The photo takes more memory or time than photos do, or is broken; send a smaller one."
        ) from error
    if "code" in told:
        raise _RAISED[told["code"]](told["message"])
    pixels = np.frombuffer(done.stdout, np.uint8, offset=end + 1).reshape(told.pop("rows"), -1, 3)
    return told, pixels
