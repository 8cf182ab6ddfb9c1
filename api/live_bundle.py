"""The bundle that answers: read through one reference, and swapped whole when the store names another."""

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

from api.bundle_source import BundleSource, bundle_source
from api.native_memory import give_back_freed_memory
from api.pace import Pace
from api.problems import Refusal
from api.settings import Settings
from models.errors import FruitsError, LocationError, StoreEmpty, StoreError
from models.identifier import Identifier
from models.store import Pointer

log = logging.getLogger(__name__)
# What may pass by itself. Anything else that a bundle raises, it would raise again.
_PASSING = (StoreError, LocationError, OSError, MemoryError)


@dataclass(frozen=True)
class Served:
    """A bundle at work, and since when in this process."""

    identifier: Identifier
    since: datetime


@dataclass(frozen=True)
class Look:
    """What the last look at the store gave.

    Attributes:
        at: when it ended.
        answered: whether the store said what is current, be it nothing.
        current: the version that it names.
        problem: code of the error that keeps that version from being served, or the store from answering.
    """

    at: datetime
    answered: bool
    current: str | None = None
    problem: str | None = None


class LiveBundle:
    """Holds the current identifier and follows its source; a request takes it once and keeps it to its end.

    The one before is released with the last request that holds it. Whatever goes wrong, the bundle at work
    stays; one that cannot be served is refused once, and not tried again until the pointer changes.

    Args:
        source: names, fetches and loads bundles.
        pace: how long to wait between two looks at it.
    """

    def __init__(self, source: BundleSource, pace: Pace) -> None:
        self._source = source
        self._pace = pace
        # References to what never changes, replaced whole: readers need no lock and never see half a bundle.
        self._served: Served | None = None
        self._seen: Look | None = None
        self._refused: tuple[Pointer, str] | None = None
        self._settled = threading.Event()
        self._stopped = threading.Event()

    def start(self, wait_s: float) -> None:
        """Start following in a thread of this process.

        Waits, at most `wait_s` seconds, until there is a bundle to answer from or the first look is over: a
        store that hangs does not keep the last good bundle from answering.
        """
        threading.Thread(target=self._run, name="live-bundle", daemon=True).start()
        self._settled.wait(wait_s)

    def stop(self) -> None:
        """Stop following."""
        self._stopped.set()

    @property
    def served(self) -> Served | None:
        """What answers now; None until there is a bundle."""
        return self._served

    @property
    def seen(self) -> Look | None:
        """What the store said last; None before it was asked, and for a source that never moves."""
        return self._seen if self._source.moves else None

    def take(self) -> Identifier:
        """Give the current identifier.

        Raises:
            Refusal: nothing is loaded yet.
        """
        served = self._served
        if served is None:
            retry_after = {"Retry-After": str(max(1, round(self._pace.retry_s)))}
            raise Refusal(
                "not_ready", "The fruit index is still being loaded. Try again shortly.", retry_after
            )
        return served.identifier

    def _run(self) -> None:
        self._serve_last_good()
        if self._served is not None:
            self._settled.set()
        while not self._stopped.is_set():
            wait_s = self._look()
            self._settled.set()
            if self._served is not None and not self._source.moves:
                return
            self._stopped.wait(wait_s)

    def _serve_last_good(self) -> None:
        """Serve from this machine's disk at once, whether or not the store answers."""
        try:
            identifier = self._source.last_good()
        except FruitsError as error:
            log.warning("the last good bundle cannot be served: %s", error, extra={"code": error.code})
        except Exception:
            log.exception("the last good bundle cannot be served")
        else:
            if identifier is not None:
                self._serve(identifier, "last good bundle loaded from the cache")

    def _look(self) -> float:
        """Look at the store once, serve what it names, and give the seconds until the next look."""
        try:
            pointer = self._source.current()
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread; logged by _failed
            self._failed(error, answered=False)
            return self._pace.after_failure()
        if pointer is None:
            self._failed(StoreEmpty("it holds no bundle yet; publish one with `python -m batch build`"))
            return self._pace.after_success()
        return self._follow(pointer)

    def _follow(self, pointer: Pointer) -> float:
        # No name is given to what serves: it would be kept beyond its swap.
        if self._served is not None and self._served.identifier.version == pointer.version:
            self._refused = None
            self._went_well(pointer)
            return self._pace.after_success()
        if self._refused is not None and self._refused[0] == pointer:
            self._seen = Look(datetime.now(UTC), True, pointer.version, self._refused[1])
            return self._pace.after_success()
        try:
            self._serve(self._source.load(pointer.version), "bundle loaded")
        except _PASSING as error:
            self._failed(error, pointer)
            return self._pace.after_failure()
        except Exception as error:  # noqa: BLE001 - the outermost edge of this thread; logged by _failed
            self._refused = (pointer, _code(error))
            self._failed(error, pointer)
        else:
            self._refused = None
            self._went_well(pointer)
        return self._pace.after_success()

    def _serve(self, identifier: Identifier, said: str) -> None:
        self._served = Served(identifier, datetime.now(UTC))
        give_back_freed_memory()
        log.info(said, extra={"bundle": identifier.version})

    def _went_well(self, pointer: Pointer) -> None:
        if self._seen is not None and self._seen.problem is not None:
            log.info("all is well with the bundle store again", extra={"bundle": pointer.version})
        self._seen = Look(datetime.now(UTC), True, pointer.version)

    def _failed(self, error: Exception, pointer: Pointer | None = None, *, answered: bool = True) -> None:
        """Note a failure; log it when it is another one than at the look before."""
        before, version = self._seen, pointer.version if pointer else None
        self._seen = Look(datetime.now(UTC), answered, version, _code(error))
        if before is not None and (before.current, before.problem) == (version, self._seen.problem):
            return
        serving = self._served.identifier.version if self._served else None
        doing = f"{serving} goes on serving" if serving else "there is none to serve"
        log.log(
            logging.WARNING if serving else logging.ERROR,
            "bundle %s: %s; %s",
            f"{version} cannot be served" if version else "store cannot be followed",
            error,
            doing,
            extra={"code": self._seen.problem, "bundle": serving},
            # What nobody foresaw needs its stack to be understood.
            exc_info=None if isinstance(error, FruitsError) else error,
        )


def live_bundle(settings: Settings) -> LiveBundle:
    """Make the holder for the configured store, or for the default bundle when none is configured."""
    return LiveBundle(bundle_source(settings), Pace(settings.store_poll_s, settings.store_retry_s))


def _code(error: Exception) -> str:
    return error.code if isinstance(error, FruitsError) else "error"
