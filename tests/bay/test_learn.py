"""One device goes from slot to slot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.bay.learn import SETTLE_SECONDS, Again, Learner, Learnt, Unclear

Said = Learnt | Again | Unclear


def walk(*looks: set[str], here: set[str] | None = None) -> list[Said]:
    """What is said over looks that are half the settling time apart."""
    learner = Learner(here or set())
    said = (learner.look(look, n * SETTLE_SECONDS / 2) for n, look in enumerate(looks))
    return [words for words in said if words]


def long(*ports: str) -> list[set[str]]:
    return [set(ports)] * 4


def test_from_slot_to_slot() -> None:
    looks = [*long(), *long("1-1"), *long(), *long("1-2.1"), *long("1-2.2")]
    assert walk(*looks) == [Learnt("1-1"), Learnt("1-2.1"), Learnt("1-2.2")]


def test_what_was_there_is_not_counted_until_it_is_plugged_again() -> None:
    looks = [*long("1-9"), *long("1-9", "1-1"), *long("1-9"), *long(), *long("1-9")]
    assert walk(*looks, here={"1-9"}) == [Learnt("1-1"), Learnt("1-9")]


def test_a_slot_twice() -> None:
    assert walk(*long("1-1"), *long(), *long("1-1")) == [Learnt("1-1"), Again("1-1")]


def test_two_at_once_are_not_guessed_and_both_have_to_go() -> None:
    looks = [*long("1-1", "1-2"), *long("1-1"), *long("1-1", "1-3"), *long(), *long("1-2")]
    assert walk(*looks) == [
        Unclear(("1-1", "1-2")),
        Unclear(("1-1", "1-3")),
        Learnt("1-2"),
    ]


def test_a_second_one_a_moment_later_makes_it_unclear() -> None:
    assert walk({"1-1"}, {"1-1", "1-2"}, *long("1-1", "1-2")) == [Unclear(("1-1", "1-2"))]


def test_a_touch_teaches_nothing() -> None:
    assert walk({"1-1"}, set(), {"1-1"}, set()) == []


@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=30))
def test_a_port_is_learnt_once_and_only_alone(looks: list[set[str]]) -> None:
    learner = Learner(set())
    settled: list[set[str]] = [set()]
    for number, look in enumerate(looks):
        match learner.look(look, float(number) * SETTLE_SECONDS):
            case Learnt(port):
                assert port in look
                assert learner.learnt.count(port) == 1
                assert look - settled[-1] <= {port} or port in settled[-1]
            case Unclear(several):
                assert len(several) > 1
                assert set(several) <= look
        settled.append(look)
