"""Sharing labels out among people."""

import heapq
from collections.abc import Iterator, Mapping
from uuid import UUID


def recipients(loads: Mapping[UUID, int]) -> Iterator[UUID]:
    """Who gets the next label, without end: whoever has the least of all then, of several the first.

    `loads`: what each has to begin with, in the order of the people. From equal loads everybody gets the same number;
    from others they become level.
    """
    waiting = [(load, place, user_id) for place, (user_id, load) in enumerate(loads.items())]
    heapq.heapify(waiting)
    while True:
        load, place, user_id = waiting[0]
        yield user_id
        heapq.heapreplace(waiting, (load + 1, place, user_id))
