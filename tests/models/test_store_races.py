"""Publishers race on a server that honours conditions atomically: one wins, the others are told, none mix.

moto is not asked: of two conditional writes at once it may let both through.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from models.bundle import MANIFEST, verify
from models.errors import FruitsError, PublishConflict, StoreError
from models.store import Pointer, Store, open_store
from tests.sealed_bundle import write_bundle
from tests.stores import version_of

RIVALS = 8


@pytest.fixture(params=["folder", "rgw_server"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> list[Store]:
    """Give one empty store to each of some rivals, who reach it over two clients."""
    if request.param == "folder":
        return [open_store(str(tmp_path / "store"))] * RIVALS
    server = request.getfixturevalue(request.param)
    uri = server.new_bucket("bundles")
    return [open_store(uri, server.options) for _ in range(2)] * (RIVALS // 2)


def at_once(actions: Sequence[Callable[[], Pointer]]) -> list[Pointer | FruitsError]:
    """Do all of it at the same time; give what each came to."""
    start = threading.Barrier(len(actions))

    def act(action: Callable[[], Pointer]) -> Pointer | FruitsError:
        start.wait()
        try:
            return action()
        except FruitsError as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def winner_of(outcomes: Sequence[Pointer | FruitsError]) -> Pointer:
    """Give the one that won, after all others were told that somebody else did."""
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, Pointer)]
    losers = [outcome for outcome in outcomes if outcome is not winner]
    assert [type(loser) for loser in losers] == [PublishConflict] * len(losers), losers
    return winner


def test_of_many_publishers_one_wins_each_round_and_its_bundle_is_whole(
    stores: list[Store], tmp_path: Path
) -> None:
    """The first round is that of the first publication."""
    current = None
    for number in range(4):
        folders = [tmp_path / f"{number}-{rival}" for rival in range(RIVALS)]
        for rival, folder in enumerate(folders):
            write_bundle(folder, number * RIVALS + rival)
        publications = [
            lambda store=store, folder=folder, expected=current: store.publish(folder, expected)
            for store, folder in zip(stores, folders, strict=True)
        ]
        current = winner_of(at_once(publications))
        assert stores[0].current() == current
        verify(stores[1].fetch(current.version, tmp_path / "cache"))


@pytest.mark.parametrize("rounds", [10, pytest.param(100, marks=pytest.mark.drill)])
def test_of_many_moves_of_the_pointer_one_wins_each_round(
    stores: list[Store], built: list[Path], rounds: int
) -> None:
    current = stores[0].publish(built[0], None)
    current = stores[0].publish(built[1], current)
    versions = [version_of(folder) for folder in built[:2]]
    for _ in range(rounds):
        moves = [
            lambda store=store, version=versions[rival % 2], expected=current: store._point(version, expected)
            for rival, store in enumerate(stores)
        ]
        current = winner_of(at_once(moves))
        assert stores[0].current() == current


@pytest.mark.parametrize("rounds", [4, pytest.param(40, marks=pytest.mark.drill)])
def test_bundles_of_one_version_that_differ_in_their_reports_never_mix(
    rgw_server: Any, tmp_path: Path, rounds: int
) -> None:
    """Two builds of the same photos that end in the same second: other timings, other report."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder, top1 in zip(folders, (0.8, 0.9), strict=True):
        write_bundle(folder, metrics={"top1": top1})
    assert version_of(folders[0]) == version_of(folders[1])
    for number in range(rounds):
        uri = rgw_server.new_bucket()
        stores = [open_store(uri, rgw_server.options) for _ in folders]
        outcomes = at_once(
            [
                lambda store=store, folder=folder: store.publish(folder, None)
                for store, folder in zip(stores, folders, strict=True)
            ]
        )
        (winner,) = [index for index, outcome in enumerate(outcomes) if isinstance(outcome, Pointer)]
        assert isinstance(outcomes[1 - winner], StoreError)
        fetched = stores[0].fetch(version_of(folders[0]), tmp_path / f"cache-{number}")
        assert (fetched / MANIFEST).read_bytes() == (folders[winner] / MANIFEST).read_bytes()


def test_readers_never_see_half_a_bundle_while_publishers_race(stores: list[Store], tmp_path: Path) -> None:
    folders = [tmp_path / f"bundle-{seed}" for seed in range(6)]
    for seed, folder in enumerate(folders):
        write_bundle(folder, seed)
    first = stores[0].publish(folders[0], None)
    done = threading.Event()

    def read(number: int) -> set[str]:
        seen, store = set(), stores[-1 - number]
        while not done.is_set():
            current = store.current()
            assert current is not None
            if current.version not in seen:
                verify(store.fetch(current.version, tmp_path / f"reader-{number}"))
                seen.add(current.version)
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read, number) for number in range(2)]
        current = first
        try:
            for folder in folders[1:]:
                current = stores[0].publish(folder, current)
        finally:
            done.set()
        assert all(reader.result() <= {version_of(folder) for folder in folders} for reader in readers)
    assert stores[0].versions() == sorted(version_of(folder) for folder in folders)


def test_the_loser_is_told_though_the_server_stumbles(rgw_server: Any, built: list[Path]) -> None:
    """The answer to the loser's write is lost: it must not take the winner's pointer for its own."""
    uri = rgw_server.new_bucket()
    store = open_store(uri, rgw_server.options)
    first = store.publish(built[0], None)
    with rgw_server.flaky() as (flaky, through):
        slow = open_store(uri, through)
        slow._add(built[1], verify(built[1]))
        second = store.publish(built[2], first)
        flaky.spoil("lose", "PUT", "current.json", times=2)
        with pytest.raises(PublishConflict, match=second.version):
            slow._point(version_of(built[1]), first)
        assert flaky.unspoilt == 0
    assert store.current() == second


@pytest.mark.parametrize("ignored", ["if-match", "if-none-match"])
def test_a_server_that_ignores_conditions_is_not_published_to(
    s3_server: Any, built: list[Path], ignored: str
) -> None:
    with s3_server.flaky() as (flaky, through):
        flaky.without_headers = {ignored}
        store = open_store(s3_server.new_bucket(), through)
        with pytest.raises(StoreError, match="ignores the conditions"):
            store.publish(built[0], None)
        assert store.current() is None
