"""Serial: an SMP recorder on a pseudo-terminal into the spool, beside the line's own limit."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from hwsim.faces.smp_codec import frame, to_cbor
from hwsim.faces.smp_make import OVERHEAD
from tests.contracts.smp import BAUD

from .cost import Cost
from .plan import Plan
from .rows import Row, Spread, spread
from .turns import take_turns
from .worker import apart

NOTE = """\
921,600 baud are 92,160 bytes a second; "room for data" is what is left of them where answers follow
each other without a pause: Base64, marks, heads and names taken off. Ours ends when the clip is in
the spool and committed, each reading compared with the recorder's own SHA-256 where it says so;
smpclient ends with the bytes in memory. The simulator works in the same process as either."""

RATE = "kB/s"
LINE = BAUD / 10 / 1000
PACED_BYTES = 256 * 1024
MOST_BYTES = 4 * 1024 * 1024
"""Of a clip that is read as fast as it goes."""
SHA = ("sha256",)
SIDES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "buffer 2048": ("spool", 2048, ()),
    "buffer 2048, compared": ("spool", 2048, SHA),
    "buffer 384": ("spool", 384, ()),
    "smpclient, buffer 2048": ("smpclient", 2048, ()),
}
OURS = [name for name, (via, _, _) in SIDES.items() if via == "spool"]
RIVAL = "smpclient, buffer 2048"
ALIKE = [name for name in OURS if SIDES[name][1] == SIDES[RIVAL][1]]
"""Those before the same server as the rival."""


def measure(plan: Plan) -> list[Row]:
    paced, loose = min(plan.size, PACED_BYTES), min(plan.size, MOST_BYTES)
    slow = take_turns("serial", _sides(plan, paced, BAUD), plan.pairs)
    fast = take_turns("serial, unpaced", _sides(plan, loose, None), plan.pairs)
    slowly = {name: _rates(costs, paced) for name, costs in slow.items()}
    loosely = {name: _rates(costs, loose) for name, costs in fast.items()}
    rows = [_beside(name, slowly[name], "room for data", room_for_data(name)) for name in OURS]
    rows += [_beside(name, slowly[name], "the line", LINE) for name in OURS]
    rows += [Row(name, RATE, slowly[name], RIVAL, slowly[RIVAL]) for name in ALIKE]
    rows += [Row(f"unpaced, {name}", RATE, loosely[name], RIVAL, loosely[RIVAL]) for name in ALIKE]
    return rows


def room_for_data(name: str) -> float:
    """kB/s of a clip that the line could carry with this server's packets."""
    data = SIDES[name][1] - OVERHEAD
    answer = bytes(8) + to_cbor({"off": PACED_BYTES // 2, "data": bytes(data)})
    return LINE * data / sum(map(len, frame(answer)))


def _beside(name: str, ours: Spread, rival: str, limit: float) -> Row:
    return Row(f"921,600 baud, {name}", RATE, ours, rival, spread([limit] * len(ours.figures)))


def _sides(plan: Plan, size: int, baud: int | None) -> dict[str, partial[Cost]]:
    return {name: partial(_side, plan, name, size, baud) for name in SIDES}


def _side(plan: Plan, name: str, size: int, baud: int | None) -> Cost:
    via, buffer, digests = SIDES[name]
    state: Path = plan.folder / "spool"
    state.mkdir()
    try:
        read = apart(
            "tests.bench.works.serial:read",
            state=state,
            via=via,
            size=size,
            seed=plan.seed,
            buffer=buffer,
            baud=baud,
            digests=digests,
        )
    finally:
        shutil.rmtree(state)
    return Cost(read["wall"], read["cpu"])


def _rates(costs: list[Cost], size: int) -> Spread:
    return spread([size / 1000 / one.wall for one in costs])
