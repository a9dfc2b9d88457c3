"""`cover.html`: the sheet that is printed, signed and handed over with the medium.

Self-contained, for A4, Chinese and English side by side: the list that goes with digital evidence
(法发〔2016〕22号, article 14: category, file format, integrity check value; and who extracted it,
when and from where). Every text that is not ours is escaped.
"""

from __future__ import annotations

from html import escape

from agent.clock import to_text
from agent.custody.export.cover_style import PAGE, STYLE
from agent.custody.export.medium import Written
from agent.custody.export.supply import Consignment, Exhibit
from agent.model import ClipTime, printable

_CATEGORIES = {
    "视频 video": {"mp4", "mov", "avi", "mkv", "ts", "m4v", "3gp", "h264", "h265", "264", "265"},
    "音频 audio": {"wav", "mp3", "m4a", "aac", "amr", "ogg", "opus", "flac"},
    "照片 photo": {"jpg", "jpeg", "png", "heic", "bmp", "tif", "tiff", "dng"},
    "日志 log": {"log", "txt", "csv"},
}
_SUMS = {"SHA-256", "SM3", "BLAKE3", "封条公钥"}

Cell = tuple[str, str, str]
"""Chinese label, English label, value."""


def cover_page(given: Consignment, clips: list[Written]) -> str:
    """The whole page; `clips` are the files of the exhibits, in their order."""
    supply = given.supply
    about = _table(
        [
            [("导出编号", "export", supply.id), ("提取时间", "made at", _moment(supply.at))],
            [("提取来源", "source", supply.source), ("提取人", "made by", supply.by)],
            [("批准文号", "approval", supply.approval), ("接收人", "receiver", supply.receiver)],
            [("事由", "reason", supply.why or "—"), ("数量", "number", _number(clips))],
            [("封条公钥", "key of the seal", given.key.public.text)],
        ]
    )
    pairs = enumerate(zip(given.exhibits, clips, strict=True), 1)
    blocks = "".join(_clip(number, exhibit, written) for number, (exhibit, written) in pairs)
    return PAGE.format(style=STYLE, about=about, clips=blocks or _NONE, id=_shown(supply.id))


def _clip(number: int, exhibit: Exhibit, written: Written) -> str:
    case = {name: str(value) for name, value in exhibit.case.items() if value}
    time = exhibit.facts.time
    rows = [
        [("文件", "file", written.name)],
        [("原始路径", "recorder's path", exhibit.path)],
        [
            ("类别·格式", "category, format", _category(exhibit)),
            ("大小", "size", _bytes(written.size)),
        ],
        [
            ("记录仪", "recorder", _recorder(exhibit)),
            ("使用人", "officer", _officer(case, exhibit)),
        ],
        [("案件", "case", _case(case))],
        [
            ("录制时间", "recorder's words", exhibit.recorded or "—"),
            ("时钟误差", "clock error", _error(time)),
        ],
        [("校正时间", "recorded, in UTC", _interval(time))],
        [
            ("采集", "pulled", _join(_moment(exhibit.pulled_at), exhibit.dock, exhibit.bay)),
            (
                "存储回执",
                "archive's receipt",
                _join(_moment(exhibit.stored_at), exhibit.archive) or "无 none",
            ),
        ],
        [("SHA-256", "", written.sha256)],
        *([[("SM3", "", written.sm3)]] if written.sm3 else []),
        [("BLAKE3", "", written.blake3)],
    ]
    return f"<section><h2>{number}</h2>{_table(rows)}</section>\n"


def _table(rows: list[list[Cell]]) -> str:
    """Rows of one cell that fills them, or of two side by side."""
    lines = "".join(
        "<tr>" + "".join(_cell(cell, wide=len(row) == 1) for cell in row) + "</tr>" for row in rows
    )
    return f'<table><col><col class="v"><col><col class="v">{lines}</table>'


def _cell(cell: Cell, *, wide: bool) -> str:
    zh, en, value = cell
    kind = ' class="sum"' if zh in _SUMS else ""
    span = ' colspan="3"' if wide else ""
    return f"<th>{zh}<small>{en}</small></th><td{kind}{span}>{_shown(value)}</td>"


def _shown(text: str) -> str:
    return escape(printable(text))


def _bytes(size: int) -> str:
    return f"{size:,} 字节 bytes"


def _number(clips: list[Written]) -> str:
    return f"{len(clips)} · {_bytes(sum(each.size for each in clips))}"


def _recorder(exhibit: Exhibit) -> str:
    return " ".join(part for part in (exhibit.serial, exhibit.maker, exhibit.model) if part)


def _category(exhibit: Exhibit) -> str:
    suffix = exhibit.path.rpartition(".")[2] if "." in exhibit.path else ""
    kinds = (kind for kind, ends in _CATEGORIES.items() if suffix.lower() in ends)
    kind = next(kinds, "其他 other")
    sealed = "" if exhibit.plain else " · 加密 encrypted (age)"
    mark = " · 重要标记 marked" if exhibit.marked or exhibit.facts.marked else ""
    return f"{kind} · {suffix.upper() or '—'}{sealed}{mark}"


def _officer(case: dict[str, str], exhibit: Exhibit) -> str:
    number = case.get("officer") or exhibit.facts.officer
    return _join(number, case.get("officer_name", ""), case.get("unit", "")) or "—"


def _case(case: dict[str, str]) -> str:
    names = ("case_number", "name", "party", "cause", "business", "business_part")
    return _join(*(case.get(name, "") for name in names)) or "—"


def _interval(time: ClipTime | None) -> str:
    if time is None:
        return "不详 unknown"
    return f"{_moment(to_text(time.earliest))} – {_moment(to_text(time.latest))}"


def _error(time: ClipTime | None) -> str:
    if time is None or time.clock_error is None:
        return "未测 not measured"
    return f"{time.clock_error:+.3f} 秒 s"


def _moment(text: str) -> str:
    """`2026-08-04T02:00:00.000Z` without what a person need not read."""
    return text[:19].replace("T", " ")


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


_NONE = "<p>没有文件。 No clips.</p>"
