"""The door for people's orders: who knocks, what comes back, and who cannot stand in the way."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agent.errors import (
    BodydockError,
    LedgerBroken,
    Malformed,
    NoAnswer,
    NotPermitted,
    SpoolBroken,
    UsageError,
    WrongState,
)
from agent.link import door as doors
from agent.link.door import Caller, Door
from agent.link.knock import LINE_LIMIT, error_document, error_of, knock, short_way

NAME = "agent.sock"
Answer = Callable[[dict[str, Any], Caller], dict[str, Any]]


def echo(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"heard": request, "uid": caller.uid, "pid": caller.pid}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., Door]]:
    with ExitStack() as made:

        def open_door(answer: Answer = echo, *, patience: float = 5.0) -> Door:
            door = Door(path, answer, patience=patience)
            made.callback(door.close)
            return door

        yield open_door


def connect(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with short_way(path) as folder:
        line.connect(f"{folder}/{path.name}")
    line.settimeout(10)
    return line


def said(line: socket.socket, data: bytes) -> bytes:
    """Everything that comes back until the door hangs up."""
    with suppress(OSError):  # it may hang up before it has heard all
        line.sendall(data)
    heard = b""
    with suppress(ConnectionResetError):
        while more := line.recv(65536):
            heard += more
    return heard


def test_a_line_in_and_a_line_out_with_who_knocked(opened: Callable[..., Door], path: Path) -> None:
    opened()
    answer = knock(path, {"to": "张三", "n": 1})
    assert answer == {"heard": {"to": "张三", "n": 1}, "uid": os.getuid(), "pid": os.getpid()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_the_folder_may_be_as_long_as_it_likes(tmp_path: Path) -> None:
    path = tmp_path.joinpath(*["x" * 100] * 4) / NAME
    path.parent.mkdir(parents=True)
    door = Door(path, echo)
    try:
        assert knock(path, {}) is not None
    finally:
        door.close()
    assert list(path.parent.iterdir()) == []


def test_nobody_is_behind_a_door_that_is_not_there_or_was_left(path: Path) -> None:
    assert knock(path, {}) is None
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.close()
    assert knock(path, {}) is None, "a crash left the file"
    door = Door(path, echo)
    assert knock(path, {}) is not None
    door.close()
    assert not path.exists()
    assert knock(path, {}) is None


def test_a_closed_door_leaves_the_next_ones_file(path: Path) -> None:
    first = Door(path, echo)
    second = Door(path, echo)
    first.close()
    assert knock(path, {}) is not None
    second.close()


@pytest.mark.parametrize("kind", [UsageError, WrongState, LedgerBroken, NotPermitted])
def test_an_error_comes_back_as_it_was_raised(
    opened: Callable[..., Door], path: Path, kind: type[BodydockError]
) -> None:
    def refuse(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        raise kind("不行", do="换一个")

    opened(refuse)
    with pytest.raises(kind) as caught:
        knock(path, {})
    assert (str(caught.value), caught.value.exit_code) == ("不行; 换一个", kind.exit_code)


def test_an_error_that_nobody_knows_here_is_told_all_the_same() -> None:
    for name in ("Fault", "BodydockError", "os", "", "NewerError"):
        error = error_of({"error": name, "what": "words", "do": "so"})
        assert (type(error), str(error)) == (NoAnswer, "words; so")
    assert type(error_of(error_document(Malformed("x")))) is Malformed
    assert str(error_of({})) == "no reason given"


HOSTILE = {
    "no JSON": b"hello\n",
    "no object": b"[1]\n",
    "no Unicode": b'{"a":"\xff"}\n',
    "nested": b"[" * 100_000 + b"\n",
    "a great number": b'{"a":' + b"9" * 10_000 + b"}\n",
    "two lines": b'{"a":1}\n{"a":2}\n',
    "too long": b'{"a":"' + b"x" * (LINE_LIMIT + 10) + b'"}\n',
    "endless": b"x" * (LINE_LIMIT + 70_000),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_bytes_that_are_no_request_are_refused_in_words(
    opened: Callable[..., Door], path: Path, data: bytes
) -> None:
    door = opened(echo)
    with connect(path) as line:
        reply = said(line, data)
    if reply:  # who is still writing when it is refused, may be cut off before reading it
        assert json.loads(reply)["error"] == "Malformed"
    assert knock(path, {}) is not None
    door.check()


def test_random_bytes_and_hang_ups_never_end_the_door(
    opened: Callable[..., Door], path: Path
) -> None:
    door = opened()
    seed = Random().randrange(2**32)
    random = Random(seed)
    for _ in range(200):
        with connect(path) as line, suppress(OSError):  # it may be shown out at any moment
            data = random.randbytes(random.choice([0, 1, 100, 5000]))
            line.sendall(data)
            if random.random() < 0.5:
                line.sendall(b"\n")
            if random.random() < 0.3:
                line.shutdown(socket.SHUT_WR)
                while line.recv(4096):
                    pass
    assert knock(path, {}) is not None, f"seed {seed}"
    door.check()


def test_callers_who_dawdle_stand_in_nobodys_way(opened: Callable[..., Door], path: Path) -> None:
    opened(patience=0.5)
    slow = [connect(path) for _ in range(40)]
    for line in slow:
        with suppress(OSError):  # those beyond the limit were shown out
            line.sendall(b'{"a"')
    began = time.monotonic()
    assert knock(path, {}) is not None
    assert time.monotonic() - began < 0.4
    for line in slow:
        with line, suppress(ConnectionResetError):
            assert line.recv(10) == b"", "its time is over"


def test_a_caller_that_never_reads_stands_in_nobodys_way(
    opened: Callable[..., Door], path: Path
) -> None:
    opened(lambda _request, _caller: {"much": "x" * 900_000}, patience=0.5)
    with connect(path) as deaf:
        deaf.sendall(b"{}\n")
        assert knock(path, {}) is not None
    with connect(path) as reader:
        reply = json.loads(said(reader, b"{}\n"))
    assert len(reply["answer"]["much"]) == 900_000


def test_closing_carries_the_order_under_way_to_its_end(path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    def slowly(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        begun.set()
        go.wait(10)
        done.append(request)
        return {}

    done: list[dict[str, Any]] = []
    door = Door(path, slowly)
    with connect(path) as line:
        line.sendall(b'{"a":1}\n')
        assert begun.wait(10)
        closing = threading.Thread(target=door.close)
        closing.start()
        go.set()
        closing.join(10)
    assert done == [{"a": 1}]
    assert not path.exists()


def test_what_goes_wrong_in_the_house_is_seen_and_nobody_waits_for_ever(path: Path) -> None:
    def broken(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        raise ZeroDivisionError

    door = Door(path, broken)
    with pytest.raises(NoAnswer, match="no answer"):
        knock(path, {})
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, the thread ends in its own time
        for _ in range(1000):
            door.check()
            time.sleep(0.005)
    door.close()


def test_no_answer_in_time_is_said(opened: Callable[..., Door], path: Path) -> None:
    go = threading.Event()
    opened(lambda _request, _caller: {"late": go.wait(10)})
    with pytest.raises(NoAnswer, match=r"timed out.*look whether it was done"):
        knock(path, {}, seconds=0.1)
    go.set()


def test_a_door_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(SpoolBroken, match="cannot be made"):
        Door(tmp_path / "missing" / NAME, echo)
    (tmp_path / "file").touch()
    with pytest.raises(NoAnswer):
        knock(tmp_path / "file" / NAME, {})


def test_many_at_once_all_get_their_own_answer(opened: Callable[..., Door], path: Path) -> None:
    opened()
    heard: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(20):
            answer = knock(path, {"me": [number, turn]})
            heard.append(answer and answer["heard"]["me"] == [number, turn])

    threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert heard == [True] * 160
    assert len(threads) < doors.CALLERS
