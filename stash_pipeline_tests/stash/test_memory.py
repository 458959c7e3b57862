"""Responses share a memory budget: each is decoded when there is room for it."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.stash.limits import decoded_size
from stash_pipeline.stash.memory import MemoryBudget


@given(st.lists(st.lists(st.integers(0, 150), max_size=12), min_size=1, max_size=4))
def test_reservations_do_not_exceed_the_budget_unless_there_is_only_one(sizes: list[list[int]]) -> None:
    budget = MemoryBudget(100)
    lock, held, seen = threading.Lock(), [], []

    def work(wanted: list[int]) -> None:
        for size in wanted:
            with budget.reserve(size):
                with lock:
                    held.append(size)
                    seen.append(list(held))
                with lock:
                    held.remove(size)

    threads = [threading.Thread(target=work, args=[wanted], daemon=True) for wanted in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert all(sum(some) <= 100 or sum(size > 0 for size in some) == 1 for some in seen)
    assert budget.reserved == 0
    assert sum(map(len, sizes)) == len(seen)


def test_closing_the_budget_ends_all_waiting() -> None:
    budget = MemoryBudget(10)
    budget.reserve(10)
    waiting = threading.Thread(target=budget.reserve, args=[10], daemon=True)
    waiting.start()
    budget.close()
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_shrinking_reservation_makes_room_and_is_released_once() -> None:
    budget = MemoryBudget(10)
    reservation = budget.reserve(10)
    reservation.shrink(4)
    reservation.shrink(7)
    assert budget.reserved == 4
    for _ in range(2):
        reservation.release()
    assert budget.reserved == 0


def test_decoded_small_values_take_many_times_their_text() -> None:
    assert decoded_size(b"[" + b"1," * 1000 + b"1]") > 50_000
    assert decoded_size(b'"' + b"x" * 1000 + b'"') < 2_000
