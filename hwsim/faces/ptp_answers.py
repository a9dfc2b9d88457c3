"""What a responder does at each operation. Bytes of commands and containers are `ptp`'s matter."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

from hwsim.body import Body
from hwsim.card import Content, HeldClip
from hwsim.faces.ptp_codes import EVERYTHING, FULL_MTP, Answer, Operation, Protection
from hwsim.faces.ptp_data import Command, Refused, Reply, Window, array_u16, array_u32, reply_with
from hwsim.faces.ptp_device import DeviceTeller, device_info, storage_info
from hwsim.faces.ptp_objects import Node, ObjectTree
from hwsim.faces.ptp_properties import TYPES, ObjectTeller, describe, wanted_nodes
from hwsim.faults import DoubleHandles, FalseDelete, Faults, OtherBytes, Vanish
from hwsim.media.grown import Noise


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How makers differ. `operations` are those that it offers.

    `split_header`: a data container's header is a transfer of its own. `zero_packet`: a transfer
    of whole packets ends with an empty one. `session_open`: somebody left a session open.
    `first_storage`: the id of the first card. `protects_marked`: marked clips cannot be deleted.
    `lists_one_at_a_time`: property lists only of single objects. `cancel_busy`: how often the
    status is busy after a cancellation. `android`: an interface of vendor class, named "MTP".
    `date_suffix`: what follows every time, such as ".0", "Z" or "+0800".
    """

    operations: frozenset[int] = FULL_MTP
    split_header: bool = False
    zero_packet: bool = True
    session_open: bool = False
    first_storage: int = 0x00010001
    protects_marked: bool = False
    lists_one_at_a_time: bool = False
    cancel_busy: int = 0
    android: bool = False
    date_suffix: str = ""
    vendor_id: int = 0x1209
    product_id: int = 0x0001


class Responder:
    """The state behind the wire: a session, its objects, the body."""

    def __init__(self, body: Body, faults: Faults, quirks: Quirks) -> None:
        self._body = body
        self._faults = faults
        self._quirks = quirks
        self._device = DeviceTeller(body, faults, quirks.date_suffix)
        self._objects = ObjectTeller(
            faults, quirks.date_suffix, protects_marked=quirks.protects_marked
        )
        self._sessions = 0
        self.session = 0
        self._tree: ObjectTree | None = None
        self._answers = self._table()

    def open(self, session: int) -> None:
        """A session begins, and with it new handles."""
        self.session = session
        self._sessions += 1
        self._tree = ObjectTree(
            self._body, self._faults, self._quirks.first_storage, self._sessions
        )

    def close(self) -> None:
        self.session = 0
        self._tree = None

    @property
    def tree(self) -> ObjectTree:
        """Raises `Refused` where no session is open."""
        if self._tree is None:
            raise Refused(Answer.SESSION_NOT_OPEN)
        return self._tree

    def answer(self, command: Command, data: bytes) -> Reply:
        """Carry out one operation; `data` is what the host sent with it."""
        if command.code not in self._quirks.operations:
            return Reply(Answer.OPERATION_NOT_SUPPORTED)
        try:
            return self._answers[command.code](command, data)
        except Refused as refusal:
            return Reply(refusal.code, refusal.params)

    def _table(self) -> dict[int, Callable[[Command, bytes], Reply]]:
        return {
            Operation.GET_DEVICE_INFO: self._get_device_info,
            Operation.OPEN_SESSION: self._open_session,
            Operation.CLOSE_SESSION: self._close_session,
            Operation.RESET_DEVICE: self._close_session,
            Operation.GET_STORAGE_IDS: self._get_storage_ids,
            Operation.GET_STORAGE_INFO: self._get_storage_info,
            Operation.GET_NUM_OBJECTS: self._get_num_objects,
            Operation.GET_OBJECT_HANDLES: self._get_object_handles,
            Operation.GET_OBJECT_INFO: self._get_object_info,
            Operation.GET_OBJECT: self._get_object,
            Operation.GET_PARTIAL_OBJECT: self._get_partial_object,
            Operation.GET_PARTIAL_OBJECT_64: self._get_partial_object_64,
            Operation.DELETE_OBJECT: self._delete_object,
            Operation.GET_DEVICE_PROP_DESC: self._get_device_prop_desc,
            Operation.GET_DEVICE_PROP_VALUE: self._get_device_prop_value,
            Operation.SET_DEVICE_PROP_VALUE: self._set_device_prop_value,
            Operation.GET_OBJECT_PROPS_SUPPORTED: self._get_object_props_supported,
            Operation.GET_OBJECT_PROP_DESC: self._get_object_prop_desc,
            Operation.GET_OBJECT_PROP_VALUE: self._get_object_prop_value,
            Operation.GET_OBJECT_PROP_LIST: self._get_object_prop_list,
        }

    # Device and session.

    def _get_device_info(self, _command: Command, _data: bytes) -> Reply:
        return reply_with(device_info(self._body, self._quirks.operations))

    def _open_session(self, command: Command, _data: bytes) -> Reply:
        if self.session:
            raise Refused(Answer.SESSION_ALREADY_OPEN, self.session)
        if command.param(0) == 0:
            raise Refused(Answer.INVALID_PARAMETER)
        self.open(command.param(0))
        return Reply()

    def _close_session(self, _command: Command, _data: bytes) -> Reply:
        if not self.session:
            raise Refused(Answer.SESSION_NOT_OPEN)
        self.close()
        return Reply()

    def _get_device_prop_desc(self, command: Command, _data: bytes) -> Reply:
        _ = self.tree
        return reply_with(self._device.describe(command.param(0)))

    def _get_device_prop_value(self, command: Command, _data: bytes) -> Reply:
        _ = self.tree
        return reply_with(self._device.value(command.param(0)))

    def _set_device_prop_value(self, command: Command, data: bytes) -> Reply:
        _ = self.tree
        self._device.set(command.param(0), data)
        return Reply()

    # Stores and listings.

    def _get_storage_ids(self, _command: Command, _data: bytes) -> Reply:
        return reply_with(array_u32(self.tree.storages()))

    def _get_storage_info(self, command: Command, _data: bytes) -> Reply:
        return reply_with(storage_info(self.tree.storage(command.param(0))))

    def _listed(self, command: Command) -> list[Node]:
        return self.tree.listed(command.param(0), command.param(1), command.param(2))

    def _get_num_objects(self, command: Command, _data: bytes) -> Reply:
        return Reply(params=(len(self._listed(command)),))

    def _get_object_handles(self, command: Command, _data: bytes) -> Reply:
        handles = [node.handle for node in self._listed(command)]
        if self._faults.due(DoubleHandles):
            handles += handles
        if command.param(2) in (0, EVERYTHING):
            handles += self.tree.flood
        return reply_with(len(handles).to_bytes(4, "little") + array("I", handles).tobytes())

    # Objects.

    def _get_object_info(self, command: Command, _data: bytes) -> Reply:
        return reply_with(self._objects.info(self.tree.node(command.param(0))))

    def _get_object_props_supported(self, _command: Command, _data: bytes) -> Reply:
        _ = self.tree
        return reply_with(array_u16(TYPES))

    def _get_object_prop_desc(self, command: Command, _data: bytes) -> Reply:
        _ = self.tree
        return reply_with(describe(command.param(0)))

    def _get_object_prop_value(self, command: Command, _data: bytes) -> Reply:
        node = self.tree.node(command.param(0))
        return reply_with(self._objects.value(node, command.param(1)))

    def _get_object_prop_list(self, command: Command, _data: bytes) -> Reply:
        handle, form, prop, group, depth = (command.param(place) for place in range(5))
        if self._quirks.lists_one_at_a_time and (handle in (0, EVERYTHING) or depth):
            raise Refused(Answer.NO_PROP_DEPTH)
        nodes = wanted_nodes(self.tree, (handle, form, prop, group, depth))
        if self._faults.due(DoubleHandles):
            nodes += nodes
        flood = self.tree.flood if EVERYTHING in (handle, depth) else range(0)
        return Reply(data=self._objects.prop_list(nodes, prop, self.tree, flood))

    # Bytes.

    def _get_object(self, command: Command, _data: bytes) -> Reply:
        clip = self._clip(command.param(0))
        if self._faults.due(Vanish):
            self._body.delete(clip)
            half = -(clip.size // 2)
            return Reply(Answer.INCOMPLETE_TRANSFER, data=clip.content, deliver=half)
        return Reply(data=self._content(clip))

    def _get_partial_object(self, command: Command, _data: bytes) -> Reply:
        return self._part(command.param(0), command.param(1), command.param(2))

    def _get_partial_object_64(self, command: Command, _data: bytes) -> Reply:
        offset = command.param(1) | command.param(2) << 32
        return self._part(command.param(0), offset, command.param(3))

    def _part(self, handle: int, offset: int, most: int) -> Reply:
        clip = self._clip(handle)
        if self._faults.due(Vanish):
            self._body.delete(clip)
            raise Refused(Answer.INVALID_HANDLE)
        if offset > clip.size:
            raise Refused(Answer.INVALID_PARAMETER)
        part = Window(self._content(clip), offset, min(most, clip.size - offset))
        return Reply(params=(part.size,), data=part)

    def _content(self, clip: HeldClip) -> Content:
        if self._faults.due(OtherBytes):
            return Noise(clip.size, self._faults.random.getrandbits(32))
        return clip.content

    def _clip(self, handle: int) -> HeldClip:
        clip = self.tree.node(handle).clip
        if clip is None:
            raise Refused(Answer.INVALID_HANDLE)
        return clip

    # Deleting. Folders and 0xFFFFFFFF really delete all that lies there, as real devices do:
    # whoever sends that by mistake shall see what it does.

    def _delete_object(self, command: Command, _data: bytes) -> Reply:
        handle = command.param(0)
        if handle == EVERYTHING:
            doomed = list(self.tree.all())
        else:
            top = self.tree.node(handle)
            doomed = [top, *self.tree.below(top)]
        clips = [node.clip for node in doomed if node.clip is not None]
        if any(self._protected(node) for node in doomed):
            raise Refused(Answer.WRITE_PROTECTED)
        for clip in self._doomed_instead(clips):
            self._body.delete(clip)
        return Reply()

    def _doomed_instead(self, clips: list[HeldClip]) -> list[HeldClip]:
        false = self._faults.due(FalseDelete)
        if false is None:
            return clips
        others = [clip for clip in self._body.clips if clip not in clips]
        return others[:1] if false.another else []

    def _protected(self, node: Node) -> bool:
        return self._objects.protection(node) == Protection.READ_ONLY
