"""What a receiver says to a dock."""

from __future__ import annotations

from collections.abc import Callable

from agent.archive.upload import Upload
from agent.wire.contract import Answer, Grant, Manifest, Progress, down


class Replies:
    """Builds the answers and hands them to `send(topic, payload)`, which may lose them."""

    def __init__(self, receiver: str, send: Callable[[str, bytes], None]) -> None:
        self._receiver = receiver
        self._send = send

    def go(self, upload: Upload, window: int) -> None:
        manifest = upload.offer.manifest
        self._grant(manifest, Answer.GO, "", upload.partial.ranges(), window)

    def later(self, manifest: Manifest, reason: str) -> None:
        self._grant(manifest, Answer.LATER, reason)

    def never(self, manifest: Manifest, reason: str) -> None:
        self._grant(manifest, Answer.NEVER, reason)

    def progress(self, upload: Upload) -> None:
        message = Progress(
            clip=upload.offer.manifest.clip,
            receiver=self._receiver,
            have=upload.partial.ranges(),
            bad=upload.bad,
        )
        self._send(down(upload.dock, "progress"), message.encode())

    def receipt(self, dock: str, envelope: bytes) -> None:
        self._send(down(dock, "receipt"), envelope)

    def _grant(
        self,
        manifest: Manifest,
        answer: Answer,
        reason: str,
        have: list[tuple[int, int]] | None = None,
        window: int = 0,
    ) -> None:
        grant = Grant(
            clip=manifest.clip,
            blake3=manifest.sent.blake3,
            receiver=self._receiver,
            answer=answer,
            reason=reason[:1000],
            have=have or [],
            window=window,
        )
        self._send(down(manifest.dock, "grant"), grant.encode())
