"""The bounded way from a network thread to the one that works."""

from __future__ import annotations

from threading import Thread

from agent.link.inbox import Inbox


def filled(*events: object, limit: int = 4, limit_bytes: int = 100) -> Inbox[object]:
    inbox: Inbox[object] = Inbox(limit, limit_bytes)
    for event in events:
        inbox.put(event, 10)
    return inbox


def blocked(inbox: Inbox[object], size: int) -> Thread:
    thread = Thread(target=inbox.put, args=("late", size), daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    return thread


def test_events_come_in_order_and_none_means_nothing() -> None:
    inbox = filled("a", "b")
    assert [inbox.get(0), inbox.get(0), inbox.get(0)] == ["a", "b", None]


def test_a_full_inbox_makes_the_sender_wait_until_there_is_room() -> None:
    inbox = filled("a", "b", "c", "d")
    thread = blocked(inbox, 10)
    assert inbox.get(0) == "a"
    thread.join(5)
    assert [inbox.get(0) for _ in range(4)] == ["b", "c", "d", "late"]


def test_bytes_count_too_and_one_event_always_fits() -> None:
    inbox: Inbox[object] = Inbox(4, 100)
    inbox.put("huge", 5000)
    thread = blocked(inbox, 1)
    assert inbox.get(0) == "huge"
    thread.join(5)
    assert inbox.get(5) == "late"


def test_closing_lets_everybody_go() -> None:
    inbox = filled("a", "b", "c", "d")
    thread = blocked(inbox, 10)
    inbox.close()
    thread.join(5)
    assert not thread.is_alive()
    assert [inbox.get(9) for _ in range(5)] == ["a", "b", "c", "d", None]


def test_what_must_not_wait_goes_in_and_only_the_newest_of_its_kind_stays() -> None:
    inbox = filled("a", "b", "c", "d")
    for number in range(1000):
        inbox.put_at_once(number)
    assert [inbox.get(0) for _ in range(6)] == ["a", "b", "c", "d", 999, None]


def test_waking_interrupts_the_wait_once() -> None:
    inbox = filled()
    Thread(target=inbox.wake).start()
    assert inbox.get(30) is None
    inbox.wake()
    inbox.put("a")
    assert [inbox.get(0), inbox.get(0)] == [None, "a"]
