"""What is known of a clip is what the archive is offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agent.model import ClipFacts, ClipTime, Identity
from agent.uplink.offers import manifest_of
from agent.wire.contract import Manifest, decode

from .world import content, entry_of

TIME = ClipTime(
    local=datetime(2026, 8, 4, 10, 0),  # noqa: DTZ001 - recorders name no zone
    source="name",
    zone_offset=28_800.0,
    clock_error=-3.5,
    earliest=datetime(2026, 8, 4, 2, 0, 1, tzinfo=UTC),
    latest=datetime(2026, 8, 4, 2, 0, 6, 500_000, tzinfo=UTC),
)


def offered(**sighting: object) -> Manifest:
    """As it arrives."""
    entry = entry_of(1, content(1, 1000), **sighting)
    return decode(Manifest, manifest_of(entry, "d1").encode())


def test_what_was_told_of_a_clip_travels_with_it() -> None:
    manifest = offered(
        facts=ClipFacts("log", "family-a", "CAM001", "000001", True, TIME),
        identity=Identity("M", "X", "R1", "1.0", "AB123", "000002", "310000"),
    )
    recorder, facts = manifest.recorder, manifest.facts
    assert (recorder.id_code, recorder.officer, recorder.unit) == ("AB123", "000002", "310000")
    assert facts is not None
    assert (facts.kind, facts.profile, facts.device) == ("log", "family-a", "CAM001")
    assert (facts.officer, facts.marked) == ("000001", True)
    assert facts.time is not None
    assert facts.time.model_dump() == {
        "local": "2026-08-04T10:00:00",
        "source": "name",
        "zone_offset": 28_800.0,
        "clock_error": -3.5,
        "earliest": "2026-08-04T02:00:01.000Z",
        "latest": "2026-08-04T02:00:06.500Z",
    }
    assert manifest.recorded == "20260804T100000"  # the recorder's own words stay beside it


def test_a_clock_that_was_not_measured_is_not_made_up() -> None:
    manifest = offered(facts=ClipFacts(time=replace(TIME, clock_error=None)))
    assert manifest.facts is not None
    assert manifest.facts.time is not None
    assert manifest.facts.time.clock_error is None


def test_of_a_clip_of_which_nothing_was_told_nothing_is_said() -> None:
    assert offered().facts is None
