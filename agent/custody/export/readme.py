"""`README.txt`: how an outsider checks a bag with stock tools, in Chinese and English."""

from __future__ import annotations

from agent.custody.export.supply import Consignment, Step
from agent.model import printable

SIGN = "    $ "
"""Before each command, which is one line for `sh` in the bag's folder."""

_SUMS = (
    Step(
        "核对封条：一个签名覆盖清单 tagmanifest-sha256.txt。公钥须另行核实（见下文）。",
        "The seal: one signature over the list tagmanifest-sha256.txt. Compare the key with one\n"
        "that you have from the supplier by another way (see below).",
        "openssl pkeyutl -verify -pubin -inkey evidence/keys/seal.pem -rawin"
        " -in tagmanifest-sha256.txt -sigfile seal.sig",
    ),
    Step(
        "核对清单所列的每一个说明与证据文件（SHA-256）。",
        "Every file of evidence and description, by that list (SHA-256).",
        "sha256sum --check --strict --quiet tagmanifest-sha256.txt",
    ),
    Step(
        "核对每一个音视频文件（SHA-256）。",
        "Every clip (SHA-256).",
        "sha256sum --check --strict --quiet manifest-sha256.txt",
    ),
    Step(
        "再用另一种算法（BLAKE3）核对全部文件。",
        "All of them again with another algorithm (BLAKE3).",
        "b3sum --check --quiet blake3sums.txt",
    ),
    Step(
        "核对是否有清单以外的文件：文件数应等于清单行数加二（清单本身与封条）。",
        "No file beside those that the lists name, the list itself and its seal.",
        'test "$(find . -type f | wc -l)" -eq'
        ' "$(($(cat manifest-sha256.txt tagmanifest-sha256.txt | wc -l) + 2))"',
    ),
)

_SIGNATURES = Step(
    "核对采集站与存储端的签名：manifest 为采集时的清单，receipt 为存储端的回执；\n"
    ".pae 为被签名的原始字节，.sig 为签名，.pem 为公钥。",
    "The signatures of dock and archive: `manifest` is what the dock signed of a clip, `receipt`\n"
    "what the archive signed when it had it; .pae are the very bytes that were signed.",
    "(for f in evidence/*/*.pae; do openssl pkeyutl -verify -pubin -inkey"
    ' "${f%.pae}.pem" -rawin -in "$f" -sigfile "${f%.pae}.sig" || exit 1; done)',
)


def steps(given: Consignment) -> list[Step]:
    """Every step that this bag can be checked by, in order."""
    signed = any(each and each.key for ex in given.exhibits for each in (ex.offer, ex.receipt))
    return [*_SUMS, *([_SIGNATURES] if signed else []), *given.evidence.steps]


def readme(given: Consignment) -> str:
    """The whole text."""
    supply = given.supply
    facts = (
        ("编号 Export", supply.id),
        ("提取来源 Source", supply.source),
        ("提取时间 Made at", supply.at),
        ("提取人 Made by", supply.by),
        ("批准文号 Approval", supply.approval),
        ("接收人 Receiver", supply.receiver),
        ("封条公钥 Key of the seal", given.key.public.text),
    )
    head = "\n".join(f"{label}: {printable(value)}" for label, value in facts)
    body = "\n".join(_step(number, step) for number, step in enumerate(steps(given), 1))
    return f"{_TITLE}\n{head}\n{_BEFORE}\n{body}\n{_encrypted(given)}{_AFTER}"


def _step(number: int, step: Step) -> str:
    return f"{number}. {step.zh}\n{step.en}\n\n{SIGN}{step.command}\n"


def _encrypted(given: Consignment) -> str:
    return "" if all(each.plain for each in given.exhibits) else _AGE


_TITLE = """\
执法记录仪音视频证据导出包 · Body-worn recorder footage, exported with its evidence
===================================================================================
"""
_BEFORE = """
本文件夹为 BagIt 包（RFC 8493）。打印封面：cover.html。核对只需 Linux 通用工具
（sha256sum、b3sum、openssl、sh），不需要我们的软件。在本文件夹内逐条执行以下命令；
每条命令返回 0 即为无误，任何一处改动（哪怕一个比特）都会使其中一条失败。

This folder is a BagIt bag (RFC 8493); cover.html is for printing. To check it you need stock tools
(sha256sum, b3sum, openssl, a shell) and none of ours. Run each command in this folder: it ends with
status 0 where all is well, and a change of a single bit anywhere makes one of them fail. Any BagIt
validator does steps 2 and 3 as well, such as: bagit.py --validate FOLDER
"""
_AGE = """
带 .age 后缀的内容仍为加密形式（age-encryption.org/v1），须用存储端的私钥打开：
Clips listed with form "age" in evidence/*/clip.json are still encrypted; whoever has the archive's
identity opens one with: age --decrypt --identity FILE CLIP > OUT
"""
_AFTER = """
文件说明 · What is what
-----------------------
data/                      音视频文件 the clips, under names that every medium takes
evidence/0001/ …           每个文件一个，编号同封面 one for each clip, by its number on the cover
  clip.json                原始路径、大小、校验值 the recorder's own path, size, check values
  manifest.*               采集站签名的清单 what the dock signed
  receipt.*                存储端签名的回执（如有）the archive's receipt, where there is one
  case.json                案件信息与留存标记的全部版本 case data and holds, all versions
evidence/keys/             公钥及其指纹 keys and their short names
evidence/custody/DOCK/     保管链日志的证明（如有）proofs from the custody log, where there are any

请通过另一途径（电话、公函）向提供单位核实封条公钥：一个签名只说明持有该密钥的人签过它。
Ask the supplier by another way (telephone, letter) for the key of the seal: a signature only says
that whoever has that key made it. `bodydock exports` at the supplier shows this export and the
SHA-256 of tagmanifest-sha256.txt, which stands for the whole.
"""
