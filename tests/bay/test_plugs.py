"""Two polls of the bus become arrivals and departures."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agent.bay.plugs import Plugs


@dataclass(frozen=True)
class Device:
    port: str
    address: int


def test_a_recorder_comes_stays_and_goes() -> None:
    plugs: Plugs[Device] = Plugs()
    one = Device("1-1", 5)
    assert plugs.update([one]).come == [one]
    quiet = plugs.update([one])
    assert (quiet.come, quiet.gone) == ([], [])
    assert plugs.update([]).gone == [one]


def test_a_quick_replug_is_a_departure_and_an_arrival() -> None:
    plugs: Plugs[Device] = Plugs()
    plugs.update([Device("1-1", 5)])
    changes = plugs.update([Device("1-1", 6)])
    assert (changes.gone, changes.come) == ([Device("1-1", 5)], [Device("1-1", 6)])


def test_the_next_bay_is_not_concerned() -> None:
    plugs: Plugs[Device] = Plugs()
    plugs.update([Device("1-1", 5), Device("1-2", 6)])
    assert plugs.update([Device("1-2", 6)]).gone == [Device("1-1", 5)]


ports = st.sampled_from(["1-1", "1-2", "1-3.1"])
polls = st.lists(st.dictionaries(ports, st.integers(2, 4)), max_size=12)


@given(polls)
def test_what_came_and_did_not_go_is_what_is_there(sequence: list[dict[str, int]]) -> None:
    plugs: Plugs[Device] = Plugs()
    here: set[Device] = set()
    for poll in sequence:
        devices = [Device(port, address) for port, address in poll.items()]
        changes = plugs.update(devices)
        assert set(changes.gone) <= here
        here = (here - set(changes.gone)) | set(changes.come)
        assert here == set(devices)
