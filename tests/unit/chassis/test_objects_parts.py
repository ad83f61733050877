"""The parts of a multipart upload: what the store copies, what is sent, and how much of that at a time."""

import random

from chassis.objects import LEAST, MANY, PART, Range, parts


def size(part: list[bytes | Range]) -> int:
    return sum(len(each) if isinstance(each, bytes) else each.length for each in part)


def test_all_pieces_are_in_parts_that_a_store_takes_and_no_more_is_sent_at_once_than_wanted() -> None:
    chance = random.Random(6)
    lengths = [chance.choice((1, LEAST - 1, LEAST, chance.randrange(1, 3 * LEAST))) for _ in range(200)]
    pieces = [Range(str(number), 0, length) for number, length in enumerate(lengths)]
    made = list(parts(pieces, unit=LEAST))
    assert made == list(parts(pieces, unit=LEAST))
    assert sum(map(size, made)) == sum(lengths)
    assert all(size(part) >= LEAST for part in made[:-1])
    assert all(size(part) < 3 * LEAST for part in made if len(part) > 1)
    order = [int(each.key) for part in made for each in part if isinstance(each, Range)]
    assert order == sorted(order)


def test_where_there_are_very_many_parts_they_become_larger() -> None:
    small = [Range("", 0, LEAST - 1), b"x"]
    sizes = [size(part) for part in parts(small * (MANY + 8), unit=LEAST)]
    assert sizes[:MANY] == [LEAST] * MANY
    assert all(each >= PART for each in sizes[MANY:-1])
