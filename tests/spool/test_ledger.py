"""The ledger's promises one by one: durable, strict about states, undisturbed by clocks."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import LedgerBroken, RecorderMisbehaved, SpoolFull, WrongState
from agent.model import Clip, ClipId, ClockReading, Digests, Health, Identity, Storage
from agent.spool.database import open_writable
from agent.spool.entry import Sealed
from agent.spool.ledger import Ledger
from agent.spool.states import State
from agent.spool.view import LedgerView

from .places import IDENTITY, RECEIPT, START, HandClock, sighting_of

HEX = "ab" * 32
YEAR = timedelta(days=365)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(path: Path, clock: HandClock) -> Iterator[Ledger]:
    ledger = Ledger(path, clock)
    yield ledger
    ledger._let_go()


def seen(ledger: Ledger, number: int = 1, size: int = 1000) -> ClipId:
    contact = ledger.begin_contact("3", IDENTITY, None, None)
    clip = Clip("SD", f"DCIM/{number:04}.MP4", size, "20260804T100000")
    return ledger.see(sighting_of(clip, contact)).clip


def sealed(clip: ClipId, size: int = 1000) -> Sealed:
    return Sealed(clip, size, Digests(HEX, HEX, HEX, None), HEX)


def spooled(ledger: Ledger, number: int = 1) -> ClipId:
    clip = seen(ledger, number)
    ledger.spooled(sealed(clip))
    return clip


def state(ledger: Ledger, clip: ClipId) -> State:
    entry = ledger.find(clip)
    assert entry is not None
    return entry.state


def test_durability_is_as_promised(ledger: Ledger) -> None:
    database = ledger._database
    assert database.value("PRAGMA journal_mode") == "wal"
    assert database.value("PRAGMA synchronous") == 2
    assert database.value("PRAGMA foreign_keys") == 1


def test_a_database_that_cannot_have_a_log_is_refused() -> None:
    with pytest.raises(LedgerBroken, match="journal_mode is memory"):
        open_writable(Path(":memory:"))


def test_a_clip_is_kept_with_all_that_is_known_of_it(ledger: Ledger, clock: HandClock) -> None:
    clip = seen(ledger)
    clock.advance(10)
    ledger.spooled(sealed(clip))
    clock.advance(10)
    ledger.offered(clip)
    ledger.receipted(clip, RECEIPT)
    entry = ledger.find(clip)
    assert entry is not None
    assert entry.sighting.identity == IDENTITY
    assert (entry.sighting.path, entry.sighting.size) == ("DCIM/0001.MP4", 1000)
    assert entry.sealed == sealed(clip)
    assert entry.receipt == RECEIPT
    assert entry.seen_at == START
    assert entry.spooled_at == START + timedelta(seconds=10)
    assert entry.receipted_at == START + timedelta(seconds=20)


def test_seeing_a_clip_again_changes_nothing_but_who_is_to_bring_it(ledger: Ledger) -> None:
    clip = seen(ledger)
    first = ledger.find(clip)
    assert seen(ledger) == clip
    again = ledger.find(clip)
    assert first is not None
    assert again is not None
    assert again.sighting.contact > first.sighting.contact
    assert (again.seq, again.seen_at, again.state) == (first.seq, first.seen_at, State.SEEN)
    ledger.spooled(sealed(clip))
    seen(ledger)
    kept = ledger.find(clip)
    assert kept is not None
    assert (kept.sighting.contact, kept.state) == (again.sighting.contact, State.SPOOLED)


def test_every_move_outside_the_table_is_refused_and_changes_nothing(ledger: Ledger) -> None:
    clip = seen(ledger)
    later = START + timedelta(hours=1)
    wrongs: list[Callable[[], None]] = [
        lambda: ledger.offered(clip),
        lambda: ledger.receipted(clip, RECEIPT),
        lambda: ledger.released(clip),
        lambda: ledger.damaged(clip, "x"),
        lambda: ledger.wanted_again(clip),
        lambda: ledger.refused(clip, "x", later),
        lambda: ledger.spooled(sealed(clip, size=999)),
    ]
    for wrong in wrongs:
        before = ledger.find(clip)
        with pytest.raises(WrongState):
            wrong()
        assert ledger.find(clip) == before


def test_an_unknown_clip_is_refused(ledger: Ledger) -> None:
    with pytest.raises(WrongState, match="knows no clip"):
        ledger.offered(ClipId(HEX))


def test_a_receipt_counts_once_and_the_first_stays(ledger: Ledger) -> None:
    clip = spooled(ledger)
    ledger.receipted(clip, RECEIPT)
    first = ledger.find(clip)
    ledger.receipted(clip, RECEIPT.__class__("{2}", "b", "r", "e", START, "elsewhere"))
    assert ledger.find(clip) == first
    ledger.released(clip)
    ledger.receipted(clip, RECEIPT)
    assert state(ledger, clip) is State.RELEASED


def test_a_damaged_clip_that_is_wanted_again_forgets_the_old_copy(ledger: Ledger) -> None:
    clip = spooled(ledger)
    ledger.damaged(clip, "two bits")
    entry = ledger.find(clip)
    assert entry is not None
    assert entry.sealed is not None
    assert entry.reason == "two bits"
    ledger.wanted_again(clip)
    entry = ledger.find(clip)
    assert entry is not None
    assert (entry.state, entry.sealed, entry.spooled_at) == (State.SEEN, None, None)


def test_attempts_are_counted_until_there_is_progress(ledger: Ledger) -> None:
    clip = spooled(ledger)
    due = START + timedelta(minutes=5)
    ledger.postpone(clip, due, "no answer")
    ledger.postpone(clip, due, "no answer")
    entry = ledger.find(clip)
    assert entry is not None
    assert (entry.attempts, entry.due, entry.reason) == (2, due, "no answer")
    ledger.progressed(clip)
    entry = ledger.find(clip)
    assert entry is not None
    assert (entry.attempts, entry.due, entry.reason) == (0, None, "")


def test_what_may_go_is_given_oldest_first_and_what_waits_is_not(ledger: Ledger) -> None:
    clips = [spooled(ledger, number) for number in range(6)]
    ledger.offered(clips[1])
    ledger.refused(clips[1], "never", START + timedelta(hours=1))
    ledger.postpone(clips[2], START - timedelta(seconds=1), "was due")
    ledger.receipted(clips[3], RECEIPT)
    ledger.postpone(clips[4], START + timedelta(seconds=1), "not yet")
    ready = [entry.clip for entry in ledger.to_send(START, 10)]
    assert ready == [clips[0], clips[2], clips[5]]
    assert ledger.to_send(START, 1)[0].clip == clips[0]
    assert ledger.next_due() == START - timedelta(seconds=1)
    later = [entry.clip for entry in ledger.to_send(START + timedelta(hours=1), 10)]
    assert later == [clips[0], clips[1], clips[2], clips[4], clips[5]]


def test_a_due_that_another_wall_clock_wrote_does_not_hold_a_clip_for_years(
    ledger: Ledger, clock: HandClock
) -> None:
    clip = spooled(ledger)
    ledger.postpone(clip, START + 10 * YEAR, "the clock stood ten years ahead")
    assert [entry.clip for entry in ledger.to_send(START, 10)] == [clip]


@pytest.mark.parametrize("jump", [10 * YEAR, -10 * YEAR])
def test_a_hold_is_measured_in_running_time(
    ledger: Ledger, clock: HandClock, jump: timedelta
) -> None:
    clip = spooled(ledger)
    ledger.receipted(clip, RECEIPT)
    clock.wall += jump
    assert ledger.releasable(3600, 10) == []
    clock.elapsed += 3599
    assert ledger.releasable(3600, 10) == []
    clock.elapsed += 1
    assert [entry.clip for entry in ledger.releasable(3600, 10)] == [clip]


def test_holds_go_on_over_restarts_and_time_switched_off_does_not_count(
    path: Path, clock: HandClock
) -> None:
    ledger = Ledger(path, clock)
    clip = spooled(ledger)
    ledger.receipted(clip, RECEIPT)
    clock.elapsed += 2000
    ledger.tick()
    ledger.close()
    clock.elapsed = 7.0  # another boot: the monotonic clock begins anew
    clock.wall += YEAR
    ledger = Ledger(path, clock)
    clock.elapsed += 1599
    assert ledger.releasable(3600, 10) == []
    clock.elapsed += 1
    assert [entry.clip for entry in ledger.releasable(3600, 10)] == [clip]
    ledger.close()


def test_ticking_writes_now_and_then_only(ledger: Ledger, clock: HandClock) -> None:
    def saved() -> float:
        with LedgerView(ledger._database.path) as view:
            return float(view._database.value("SELECT value FROM meta WHERE key = 'running'"))

    before = saved()
    clock.elapsed += 29
    ledger.tick()
    assert saved() == before
    clock.elapsed += 1
    ledger.tick()
    assert saved() == before + 30


def test_a_call_that_changes_nothing_does_not_put_off_the_saving(
    ledger: Ledger, clock: HandClock
) -> None:
    clip = spooled(ledger)
    clock.elapsed += 29
    ledger.progressed(clip)
    clock.elapsed += 1
    ledger.tick()
    ledger._let_go()
    again = Ledger(ledger._database.path, HandClock())
    assert again.running == 30
    again.close()


def test_a_contact_that_a_crash_left_open_is_closed_at_the_next_start(
    path: Path, clock: HandClock
) -> None:
    health = Health(55, (Storage("1", "SD", 100, 40),))
    reading = ClockReading(datetime(2026, 8, 4, 10, 0), START, 0.25)  # noqa: DTZ001
    ledger = Ledger(path, clock)
    ledger.begin_contact("3", IDENTITY, health, reading)
    ended = ledger.begin_contact("4", Identity("M", "X", "S2", "1"), None, None)
    ledger.end_contact(ended, "unplugged")
    (contact,) = ledger.open_contacts()
    assert (contact.bay, contact.health, contact.reading) == ("3", health, reading)
    ledger._let_go()
    clock.advance(60)
    ledger = Ledger(path, clock)
    assert ledger.open_contacts() == []
    reasons = {each.latest.bay: each.latest.reason for each in ledger.recorders()}
    assert reasons == {"3": "agent stopped", "4": "unplugged"}
    ledger.close()


def test_recorders_are_told_apart_and_followed_through_a_firmware_change(
    ledger: Ledger, clock: HandClock
) -> None:
    ledger.begin_contact("3", IDENTITY, None, None)
    clock.advance(5)
    newer = Identity(IDENTITY.maker, IDENTITY.model, IDENTITY.serial, "2.0")
    ledger.begin_contact("4", newer, None, None)
    ledger.begin_contact("5", Identity("Other", "Model", IDENTITY.serial, "1.0"), None, None)
    found = {(each.latest.identity, each.contacts) for each in ledger.recorders()}
    assert found == {(newer, 2), (Identity("Other", "Model", IDENTITY.serial, "1.0"), 1)}
    assert min(each.first_seen for each in ledger.recorders()) == START


def test_clips_can_be_listed_by_state_recorder_and_beginning_of_the_id(ledger: Ledger) -> None:
    one, two = seen(ledger, 1), spooled(ledger, 2)
    assert [entry.clip for entry in ledger.entries()] == [two, one]
    assert [entry.clip for entry in ledger.entries(state=State.SEEN)] == [one]
    assert [entry.clip for entry in ledger.entries(prefix=two[:10])] == [two]
    assert [entry.clip for entry in ledger.entries(recorder=IDENTITY.serial, limit=1)] == [two]
    assert ledger.entries(recorder="nobody") == []
    assert ledger.entries(prefix="' OR 1") == []
    assert ledger.entries(recorder="\udcff", prefix="\udcff") == []


def test_counts_follow_every_move(ledger: Ledger) -> None:
    first, second = spooled(ledger, 1), spooled(ledger, 2)
    ledger.receipted(first, RECEIPT)
    ledger.damaged(second, "x")
    counts = ledger.counts()
    assert counts[State.RECEIPTED] == counts[State.DAMAGED] == (1, 1000)
    assert sum(number for number, _ in counts.values()) == 2
    assert counts.keys() == set(State)


def test_names_that_no_text_can_hold_are_kept_readable(ledger: Ledger) -> None:
    contact = ledger.begin_contact("3", Identity("M\ud800", "X", "S\udfff", "\x00"), None, None)
    clip = Clip("SD\ud801", "DCIM/\ud802'\"\x00.MP4", 5, "")
    sighting = sighting_of(Clip("SD", "A", 5, ""), contact)
    ledger.see(sighting.__class__(sighting.clip, contact, IDENTITY, "3", *_texts(clip), "", False))
    (entry,) = ledger.entries()
    assert entry.sighting.path == "DCIM/\\ud802'\"\x00.MP4"


def _texts(clip: Clip) -> tuple[str, str, int]:
    return clip.storage, clip.path, clip.size


@pytest.mark.parametrize("size", [-1, 2**63])
def test_a_size_that_no_file_has_is_refused(ledger: Ledger, size: int) -> None:
    contact = ledger.begin_contact("3", IDENTITY, None, None)
    with pytest.raises(RecorderMisbehaved):
        ledger.see(sighting_of(Clip("SD", "A", size, ""), contact))
    assert ledger.entries() == []


def test_a_second_writer_is_kept_out(ledger: Ledger, path: Path, clock: HandClock) -> None:
    with pytest.raises(LedgerBroken, match="another bodydock"):
        Ledger(path, clock)


def test_a_newer_ledger_is_left_alone(path: Path, clock: HandClock) -> None:
    Ledger(path, clock).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    before = path.read_bytes()
    for opened in (lambda: Ledger(path, clock), lambda: LedgerView(path)):
        with pytest.raises(LedgerBroken, match="newer"):
            opened()
    assert path.read_bytes() == before


def test_some_other_database_is_left_alone(path: Path, clock: HandClock) -> None:
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE mine (x)")
    raw.close()
    with pytest.raises(LedgerBroken, match="no ledger of bodydock"):
        Ledger(path, clock)


def test_a_ledger_where_no_file_can_be_is_a_typed_error(tmp_path: Path, clock: HandClock) -> None:
    with pytest.raises(LedgerBroken):
        Ledger(tmp_path / "missing" / "ledger.db", clock)


def test_a_full_disk_is_told_apart_and_loses_only_that_write(ledger: Ledger) -> None:
    clip = spooled(ledger)
    pages = ledger._database.value("PRAGMA page_count")
    ledger._database.value(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(SpoolFull):
        ledger.postpone(clip, START, "x" * 100_000)
    ledger._database.value("PRAGMA max_page_count = 1000000")
    entry = ledger.find(clip)
    assert entry is not None
    assert entry.attempts == 0
    ledger.postpone(clip, START, "x")


def test_a_row_that_makes_no_sense_stops_no_other(ledger: Ledger, path: Path) -> None:
    bad, good = spooled(ledger, 1), spooled(ledger, 2)
    ledger._database.change("UPDATE clip SET seen_at = 'yesterday' WHERE id = ?", [bad])
    assert [entry.clip for entry in ledger.to_send(START, 10)] == [good]
    with pytest.raises(Exception, match="clip row 1"):
        ledger.find(bad)


def test_a_closed_ledger_says_so(path: Path, clock: HandClock) -> None:
    ledger = Ledger(path, clock)
    ledger.close()
    with pytest.raises(LedgerBroken, match="closed"):
        ledger.counts()


def test_many_threads_share_it(ledger: Ledger) -> None:
    failures: list[BaseException] = []

    def work(base: int) -> None:
        try:
            for number in range(base, base + 10):
                clip = spooled(ledger, number)
                ledger.offered(clip)
                ledger.to_send(START, 5)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=(base,)) for base in range(0, 60, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ledger.counts()[State.OFFERED] == (60, 60_000)


# The view.


def test_the_view_reads_beside_the_daemon_what_was_committed(ledger: Ledger, path: Path) -> None:
    clip = spooled(ledger)
    with LedgerView(path) as view:
        assert view.counts()[State.SPOOLED] == (1, 1000)
        ledger.offered(clip)
        assert view.counts()[State.OFFERED] == (1, 1000)
        (entry,) = view.entries(state=State.OFFERED)
        assert entry == ledger.find(clip)


def test_the_view_reads_a_stopped_dock_and_leaves_no_file_behind(
    path: Path, clock: HandClock
) -> None:
    ledger = Ledger(path, clock)
    clip = spooled(ledger)
    ledger.close()
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert not Path(f"{path}-wal").exists()
    with LedgerView(path) as view:
        assert view.find(clip) is not None
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_the_view_reads_what_a_crash_left_and_changes_neither_file(
    ledger: Ledger, path: Path, tmp_path: Path
) -> None:
    clip = spooled(ledger)
    left = tmp_path / "left"
    left.mkdir()
    for name in ("ledger.db", "ledger.db-wal"):
        (left / name).write_bytes((path.parent / name).read_bytes())
    before = {each.name: each.read_bytes() for each in left.iterdir()}
    with LedgerView(left / "ledger.db") as view:
        assert view.find(clip) == ledger.find(clip)
    assert {name: (left / name).read_bytes() for name in before} == before


def test_the_view_cannot_write(ledger: Ledger, path: Path) -> None:
    with LedgerView(path) as view, pytest.raises(LedgerBroken):
        view._database.change("DELETE FROM meta")


def test_without_a_ledger_the_view_says_so(path: Path) -> None:
    with pytest.raises(LedgerBroken, match="no ledger at"):
        LedgerView(path)
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerBroken):
        LedgerView(path)


def test_a_clean_start_of_a_large_ledger_does_not_read_it_whole(
    path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[int] = []
    monkeypatch.setattr("agent.spool.writer.ALWAYS_CHECKED", 0)
    monkeypatch.setattr(Ledger, "check", lambda _self: checks.append(1))
    ledger = Ledger(path, clock)
    ledger.close()
    checks.clear()
    ledger = Ledger(path, clock)
    assert checks == []
    ledger._let_go()  # a crash
    Ledger(path, clock).close()
    assert checks == [1]


def test_moments_are_kept_in_utc(ledger: Ledger) -> None:
    clip = spooled(ledger)
    elsewhere = START.astimezone(tz=None)
    ledger.postpone(clip, elsewhere, "")
    entry = ledger.find(clip)
    assert entry is not None
    assert entry.due == elsewhere
    assert entry.due.tzinfo is UTC
