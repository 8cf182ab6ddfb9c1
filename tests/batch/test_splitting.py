"""What is kept apart, and what a current bundle has already seen."""

import numpy as np

from batch.splitting import keep_apart, unseen
from models.near_duplicates import group, held_out
from models.records import Label


def signatures(count: int, seed: int = 1) -> list[bytes]:
    return [
        row.tobytes() for row in np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)
    ]


def test_the_split_is_that_of_the_near_duplicate_groups() -> None:
    some = signatures(800)
    groups, apart = keep_apart(some, [Label("apple")] * 800)

    assert (groups == group(some)).all()
    assert (apart == held_out(groups, some)).all()


def test_a_fruit_with_few_photos_keeps_them_all() -> None:
    some = signatures(800)
    lost = int(np.flatnonzero(held_out(group(some), some))[0])
    labels = [Label("apple")] * 800
    labels[lost] = Label("durian")

    assert not keep_apart(some, labels)[1][lost]


def test_a_group_with_one_known_member_is_not_unseen() -> None:
    fresh = unseen(np.array([0, 0, 2, 3]), ["a", "b", "c", "d"], {"b", "d"})

    assert fresh.tolist() == [False, False, True, False]
