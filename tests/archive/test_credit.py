"""The parts of the credit never add up to more than the total, and none is too small to send."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.archive.credit import WAITING_S, Credit

DOCKS = st.sampled_from([f"d{n}" for n in range(12)])
STEP = st.one_of(
    st.tuples(st.just("ask"), DOCKS, st.integers(1, 40)),
    st.tuples(st.just("release"), DOCKS, st.just(0)),
)


@given(st.lists(STEP, max_size=60), st.integers(20, 300), st.integers(2, 60))
def test_never_more_than_the_total(
    steps: list[tuple[str, str, int]], total: int, each: int
) -> None:
    credit = Credit(total, each)
    for at, (what, dock, most) in enumerate(steps):
        if what == "release":
            credit.release(dock)
            assert credit.held(dock) == 0
        else:
            before = credit.held(dock)
            given = credit.ask(dock, least=2, most=most, now=float(at))
            assert given == 0 or 2 <= given <= min(each, most)
            assert credit.held(dock) == (given or before)
        assert credit.given <= total


def test_docks_that_came_early_give_way_to_one_that_waits() -> None:
    credit = Credit(100, 50)
    assert [credit.ask(d, least=10, most=99, now=0) for d in ("a", "b", "c")] == [50, 50, 0]
    assert credit.ask("a", least=10, most=99, now=1) == 33
    assert credit.ask("c", least=10, most=99, now=2) == 17
    assert credit.ask("b", least=10, most=99, now=3) == 33
    assert credit.ask("c", least=10, most=99, now=4) == 33


def test_a_dock_that_asks_no_more_does_not_wait_for_ever() -> None:
    credit = Credit(100, 100)
    assert credit.ask("a", least=10, most=100, now=0) == 100
    assert credit.ask("b", least=10, most=100, now=0) == 0
    assert credit.ask("a", least=10, most=100, now=1) == 50
    assert credit.ask("a", least=10, most=100, now=1 + WAITING_S) == 100
