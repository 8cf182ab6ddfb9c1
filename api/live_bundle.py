"""The bundle that answers: loaded, verified and warmed in the background, then read through one reference."""

import io
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from PIL import Image

import models
from api.problems import Refusal
from api.settings import Settings
from models.bundle import verify
from models.errors import FruitsError, StoreEmpty
from models.identifier import Identifier
from models.store import open_store

log = logging.getLogger(__name__)
DEFAULT_FOLDER = Path(models.__file__).parent / "pretrained" / "default"


class LiveBundle:
    """Holds the current identifier; a request takes it once and keeps it to its end.

    Args:
        load: makes a verified, warm identifier, or raises.
        retry_s: seconds between two tries.
    """

    def __init__(self, load: Callable[[], Identifier], retry_s: float) -> None:
        self._load = load
        self._retry_s = retry_s
        # One reference, replaced whole: readers need no lock and never see half a bundle.
        self._identifier: Identifier | None = None
        self._tried = threading.Event()
        self._stopped = threading.Event()

    def start(self, wait_s: float) -> None:
        """Start loading in a thread of this process and wait for the first try, at most `wait_s` seconds."""
        threading.Thread(target=self._run, name="live-bundle", daemon=True).start()
        self._tried.wait(wait_s)

    def stop(self) -> None:
        """Stop trying."""
        self._stopped.set()

    def peek(self) -> Identifier | None:
        """Give the current identifier, or None until there is one."""
        return self._identifier

    def take(self) -> Identifier:
        """Give the current identifier.

        Raises:
            Refusal: nothing is loaded yet.
        """
        identifier = self._identifier
        if identifier is None:
            retry_after = {"Retry-After": str(max(1, round(self._retry_s)))}
            raise Refusal(
                "not_ready", "The fruit index is still being loaded. Try again shortly.", retry_after
            )
        return identifier

    def _run(self) -> None:
        while not self._stopped.is_set() and self._identifier is None:
            try:
                self._identifier = self._load()
                log.info("bundle loaded", extra={"bundle": self._identifier.version})
            except FruitsError as error:
                log.error("no bundle loaded: %s", error, extra={"code": error.code})
            except Exception:
                log.exception("no bundle loaded")
            self._tried.set()
            if self._identifier is None:
                self._stopped.wait(self._retry_s)


def live_bundle(settings: Settings) -> LiveBundle:
    """Make the holder for the configured store, or for the default bundle when none is configured."""
    return LiveBundle(lambda: load_identifier(settings), settings.store_retry_s)


def load_identifier(settings: Settings) -> Identifier:
    """Fetch the current bundle if it is remote, verify every file of it, load it and answer one photo.

    Raises:
        FruitsError: the store, the bundle or one of its files is unusable.
    """
    folder = _current_folder(settings)
    identifier = Identifier.load(folder, manifest=verify(folder))
    identifier.identify([_grey_photo()])
    return identifier


def _current_folder(settings: Settings) -> Path:
    if settings.store is None:
        return DEFAULT_FOLDER
    bundles = open_store(settings.store, settings.s3)
    pointer = bundles.current()
    if pointer is None:
        raise StoreEmpty(f"{settings.store} holds no bundle yet; publish one with `python -m batch build`.")
    return bundles.fetch(pointer.version, settings.cache_folder)


def _grey_photo() -> bytes:
    """Make a photo whose only purpose is to run every step once before the first user does."""
    file = io.BytesIO()
    Image.new("RGB", (256, 256), (128, 128, 128)).save(file, "JPEG")
    return file.getvalue()
