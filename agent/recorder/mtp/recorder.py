"""The recorder's verbs over one PTP session."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.errors import Malformed, RecorderMisbehaved, RecorderRefused
from agent.link.usb import UsbBus, UsbLink
from agent.link.usb_facts import UsbDevice
from agent.model import Clip, ClockReading, Health, Identity, Storage, printable
from agent.recorder.footage import Left
from agent.recorder.mtp.answers import Answer, complaint
from agent.recorder.mtp.clips import Listed, is_footage, iter_listed
from agent.recorder.mtp.objects import Finder, decoded
from agent.recorder.mtp.reading import Reader
from agent.recorder.mtp.session import Session
from agent.wire.ptp.codes import ASSOCIATION, DeviceProperty, Operation
from agent.wire.ptp.datasets import (
    DeviceInfo,
    ObjectInfo,
    decode_device_info,
    decode_storage_info,
)
from agent.wire.ptp.fields import decode_array, encode_text
from agent.wire.ptp.moments import decode_moment, encode_moment
from agent.wire.ptp.properties import (
    DevicePropDesc,
    decode_device_prop_desc,
    decode_text_value,
)

log = logging.getLogger(__name__)

_DATASET_LIMIT = 16 * 1024
_STORAGE_LIMIT = 64
_NO_MEDIUM = 0x0000FFFF
"""A storage id whose lower half is zero is a slot without a medium (PIMA 15740)."""
_ROOTS = frozenset({0, 0xFFFFFFFF})
"""Parents of objects that lie in no folder."""
_SECOND = len("YYYYMMDDThhmmss")


def open_mtp(bus: UsbBus, device: UsbDevice, clock: Clock) -> MtpRecorder:
    """Open `device` and a session with it.

    Raises `RecorderGone`, `RecorderBusy`, `RecorderRefused` and `RecorderMisbehaved`.
    """
    link = bus.open_still_image(device)
    session = Session(link, clock)
    try:
        session.open()
        data = session.need("identifying", Operation.GET_DEVICE_INFO, most=_DATASET_LIMIT)
        return MtpRecorder(link, session, decoded(decode_device_info, data), clock)
    except BaseException:
        session.close()
        raise


class MtpRecorder:
    """A recorder that speaks PTP or MTP, as `agent.recorder.base.Recorder` promises it.

    Handles of objects live and die with this session.
    """

    def __init__(self, link: UsbLink, session: Session, info: DeviceInfo, clock: Clock) -> None:
        self._link = link
        self._session = session
        self._info = info
        self._clock = clock
        self._finder = Finder(session, info.operations, clock)
        self._reader = Reader(session, info.operations)
        self._listed: dict[Clip, Listed] = {}

    def identify(self) -> Identity:
        """By its DeviceInfo; the USB serial number stands in where that has none.

        Raises `RecorderMisbehaved` where there is no serial number at all.
        """
        self._session.check()
        info = self._info
        serial = info.serial.strip()
        if not serial.strip("0"):
            serial = self._link.serial().strip()
        if not serial.strip("0"):
            raise RecorderMisbehaved("the recorder has no serial number, neither in PTP nor in USB")
        return Identity(info.maker.strip(), info.model.strip(), serial, info.version.strip())

    def health(self) -> Health:
        """Battery and storages; a storage that refuses to tell of itself is left out."""
        storages = []
        for storage in self._storage_ids():
            answer = self._session.ask(Operation.GET_STORAGE_INFO, storage, most=_DATASET_LIMIT)
            if answer.ok:
                info = decoded(decode_storage_info, answer.data)
                label = info.description.strip() or info.volume.strip()
                storages.append(Storage(f"{storage:08x}", label, info.capacity, info.free))
            else:
                _check_refused("asking for a storage", answer)
        return Health(self._battery(), tuple(storages))

    def clock(self) -> ClockReading | None:
        """Its DateTime property beside ours; the round trip is that of the one transaction.

        None also where it shows what is no time, such as a month 0 after its battery died.
        """
        if DeviceProperty.DATE_TIME not in self._info.properties:
            return None
        wall, start = self._clock.now(), self._clock.monotonic()
        answer = self._session.ask(
            Operation.GET_DEVICE_PROP_VALUE, DeviceProperty.DATE_TIME, most=_DATASET_LIMIT
        )
        took = self._clock.monotonic() - start
        if answer.unsupported:
            return None
        if not answer.ok:
            raise complaint("reading the clock", answer.code)
        try:
            shown = decode_moment(decode_text_value(answer.data))
        except Malformed as error:
            log.warning("the recorder's clock shows no time: %s", printable(error.what))
            return None
        return ClockReading(shown, wall + timedelta(seconds=took / 2), took)

    def set_clock(self, now: datetime) -> None:
        """In `now`'s own zone; the zone itself is sent only to a recorder that shows one."""
        if DeviceProperty.DATE_TIME not in self._info.properties:
            raise RecorderRefused("the recorder has no clock that could be set")
        reading = self.clock()
        zoned = reading is not None and reading.recorder.tzinfo is not None
        moment = now if zoned else now.replace(tzinfo=None)
        self._session.need(
            "setting the clock",
            Operation.SET_DEVICE_PROP_VALUE,
            DeviceProperty.DATE_TIME,
            send=encode_text(encode_moment(moment)),
        )

    def clips(self) -> Iterator[Clip]:
        """Every clip. Where objects tell nothing or nonsense of themselves, `RecorderMisbehaved`
        is raised after the last good clip, so that none of those is missed and none goes unsaid.
        """
        found = self._finder.find(self._storage_ids())
        self._listed = {one.clip: one for one in iter_listed(found.objects)}
        _tell_what_is_left(found.objects.values())
        yield from tuple(self._listed)
        absurd = [
            f"{printable(info.name)} claims {info.size} bytes"
            for info in found.objects.values()
            if is_footage(info)
        ]
        if trouble := (*found.failed, *absurd):
            raise RecorderMisbehaved(
                f"{len(trouble)} things could not be listed; the first: {trouble[0]}"
            )

    def read(self, clip: Clip, offset: int, size: int) -> bytes:
        """As promised up to the declared end. At or past it the recorder is asked whether it has
        more than it declared: a few bytes of that, or none where it keeps its word.
        """
        one = self._known(clip)
        return self._reader.read(one.handle, clip.size, offset, size)

    def delete(self, clip: Clip) -> None:
        """Delete this one object, if it still is what was listed.

        The object is asked for once more before, and never deleted twice: after a failure in
        mid-transaction only a new listing tells what became of it.
        """
        one = self._known(clip)
        self._check_unchanged(one)
        answer = self._session.ask(Operation.DELETE_OBJECT, one.handle, 0, repeat=False)
        if not answer.ok:
            raise complaint(f"deleting {printable(clip.path)}", answer.code)
        del self._listed[clip]

    def close(self) -> None:
        self._session.close()

    def _known(self, clip: Clip) -> Listed:
        self._session.check()
        one = self._listed.get(clip)
        if one is None:
            raise RecorderRefused(f"{printable(clip.path)} was not listed in this session")
        return one

    def _check_unchanged(self, one: Listed) -> None:
        now = self._finder.one(one.handle)
        if now is None:
            raise RecorderRefused(f"{printable(one.clip.path)} is gone from the recorder")
        clip = one.clip
        same = (f"{now.storage:08x}", now.name, now.size) == (clip.storage, one.name, clip.size)
        if now.format == ASSOCIATION or not same or _moved(one, now):
            raise RecorderMisbehaved(
                f"{printable(one.clip.path)} is another object than was listed; nothing was deleted"
            )

    def _storage_ids(self) -> tuple[int, ...]:
        """Storages with a medium."""
        data = self._session.need(
            "asking for the storages", Operation.GET_STORAGE_IDS, most=4 + 4 * _STORAGE_LIMIT
        )
        ids = decoded(lambda raw: decode_array(raw, "storage ids"), data)
        return tuple(storage for storage in dict.fromkeys(ids) if storage & _NO_MEDIUM)

    def _battery(self) -> int | None:
        """In percent of its range; None where it tells nothing, or nothing possible."""
        if DeviceProperty.BATTERY_LEVEL not in self._info.properties:
            return None
        answer = self._session.ask(
            Operation.GET_DEVICE_PROP_DESC, DeviceProperty.BATTERY_LEVEL, most=_DATASET_LIMIT
        )
        if not answer.ok:
            _check_refused("asking for the battery", answer)
            return None
        try:
            percent = _percent(decode_device_prop_desc(answer.data))
        except Malformed as error:
            log.warning("the recorder's battery level: %s", printable(error.what))
            return None
        if percent is None:
            log.warning("the recorder's battery level says nothing")
        return percent


def _tell_what_is_left(objects: Iterable[ObjectInfo]) -> None:
    left = Left()
    for info in objects:
        if info.format != ASSOCIATION and not is_footage(info):
            left.add(info.name)
    left.tell()


def _check_refused(doing: str, answer: Answer) -> None:
    """Let a plain no pass, with a word in the log; raise what else the answer is."""
    error = complaint(doing, answer.code)
    if not isinstance(error, RecorderRefused):
        raise error
    log.warning("%s", error)


def _percent(level: DevicePropDesc) -> int | None:
    """A level between the lowest and the highest value of its form (PIMA 15740 clause 13)."""
    current, form = level.current, [value for value in level.form if isinstance(value, int)]
    bounds = form[:2] if level.is_range else form
    lowest, highest = (min(bounds), max(bounds)) if bounds else (0, 100)
    if not isinstance(current, int) or not lowest <= current <= highest or lowest == highest:
        return None
    return round(100 * (current - lowest) / (highest - lowest))


def _moved(one: Listed, now: ObjectInfo) -> bool:
    """Whether a handle tells another folder or second than it did: some recorders give the number
    of a file that went to the next one, and that may have the same name. What is told one way
    only, or in fractions of a second, is no difference."""
    recorded = now.modified or now.created
    elsewhere = {one.parent, now.parent} - _ROOTS
    return len(elsewhere) > 1 or bool(
        recorded and one.clip.recorded and recorded[:_SECOND] != one.clip.recorded[:_SECOND]
    )
