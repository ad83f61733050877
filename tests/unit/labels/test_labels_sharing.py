"""Sharing labels out: who gets the next one."""

from collections import Counter
from itertools import islice
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.labels.domain.sharing import recipients

people = st.dictionaries(st.integers(1, 50).map(lambda n: UUID(int=n)), st.integers(0, 100), min_size=1, max_size=8)


@given(people, st.integers(0, 400))
def test_whoever_has_more_afterwards_had_it_before(loads: dict[UUID, int], number: int) -> None:
    gets = Counter(islice(recipients(loads), number))
    assert sum(gets.values()) == number
    after = {user_id: load + gets[user_id] for user_id, load in loads.items()}
    for user_id, load in after.items():
        # nobody who was given any is more than one ahead of anybody
        assert not gets[user_id] or load <= min(after.values()) + 1


@given(people, st.integers(0, 400))
def test_from_nothing_everybody_gets_the_same(loads: dict[UUID, int], number: int) -> None:
    gets = Counter(islice(recipients(dict.fromkeys(loads, 0)), number))
    shares = [gets[user_id] for user_id in loads]
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)
