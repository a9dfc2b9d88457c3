"""Clips encrypted as they come in: age, format version 1 (https://age-encryption.org/v1).

The dock has the recipient's public key only. A file's own key is made inside the library, lives as
long as its stream, and is never on disk but wrapped for the recipient.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from agent.errors import ConfigError, SpoolBroken

HEADER_MOST = 2048
"""Bytes that are kept free for a header: ours has one recipient, and a line of random grease
(https://c2sp.org/age) that makes its length vary by some hundred bytes."""

_PIECE = 64 * 1024
_TAG = _NONCE = 16
_FOOTER = b"\n--- "
_MAC = 43
"""Characters of the header's MAC, unpadded base64 of 32 bytes."""


def body_bytes(size: int) -> int:
    """What stands behind the header of an age file of `size` bytes: the nonce, and each 64 KiB
    piece with its tag; an empty file has one empty piece."""
    return _NONCE + size + _TAG * max(1, -(-size // _PIECE))


def header_bytes(beginning: bytes) -> int:
    """Length of the header at the beginning of an age file. Raises `SpoolBroken` for none."""
    footer = beginning.find(_FOOTER)
    length = footer + len(_FOOTER) + _MAC + 1
    if footer < 0 or length > HEADER_MOST or beginning[length - 1 : length] != b"\n":
        raise SpoolBroken("the encryptor's output does not begin with a header of age")
    return length


class Cipher:
    """Encrypts to one recipient, an age public key (`age1…`).

    Raises `ConfigError` where the key is none, or the library that encrypts is not installed.
    """

    def __init__(self, recipient: str) -> None:
        try:
            import pyrage
        except ImportError as error:
            raise ConfigError(
                "spool.encrypt_to is set, and this installation cannot encrypt",
                do="install bodydock with its extra `encrypt` (pip install 'bodydock[encrypt]')",
            ) from error
        try:
            key = pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError as error:
            raise ConfigError(
                f"spool.encrypt_to: {recipient!r} is no age public key",
                do="copy what `bodydock archive age-key` prints at the archive",
            ) from error

        def encrypt(reader: _Reader, writer: _Writer) -> None:
            try:
                pyrage.encrypt_io(reader, writer, [key])
            except (pyrage.EncryptError, OSError) as error:
                raise SpoolBroken(f"encrypting a clip: {error}", do="pull it again") from error

        self.recipient = recipient
        self._encrypt = encrypt

    def begin(self, write: Callable[[bytes], None]) -> Encryptor:
        """A new age file; `write` gets its bytes in order, on a thread of the encryptor's."""
        return Encryptor(self._encrypt, write)


class Encryptor:
    """One age file on its way: bytes go in as they come, a thread encrypts and writes them.

    At most one piece waits while another is being encrypted, so that a slow disk is felt by whoever
    feeds. Any error of the library's or of `write` ends it: `feed` or `finish` raises what `write`
    raised, and `SpoolBroken` for all else.
    """

    def __init__(self, encrypt: _Encrypt, write: Callable[[bytes], None]) -> None:
        self._turn = threading.Condition()
        self._waiting: bytes | None = None
        self._ended = self._given_up = self._done = False
        self._error: Exception | None = None
        reader, writer = _Reader(self._next), _Writer(write, self._note)
        self._thread = threading.Thread(
            target=self._run, args=(encrypt, reader, writer), name="encrypt", daemon=True
        )
        self._thread.start()

    def feed(self, data: bytes) -> None:
        """Hand over the next bytes of the clip."""
        with self._turn:
            self._turn.wait_for(lambda: self._waiting is None or self._done)
            self._insist_well()
            if data:
                self._waiting = data
                self._turn.notify_all()

    def finish(self) -> None:
        """No more comes; returns once all is written."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        self._thread.join()
        if self._error:
            raise self._error

    def close(self) -> None:
        """Give up, or let go after `finish`: nothing is written from here on. Safe to repeat."""
        with self._turn:
            self._given_up = True
            self._waiting = None
            self._turn.notify_all()
        self._thread.join()

    def _insist_well(self) -> None:
        if self._done:
            raise self._error or SpoolBroken("the encryptor was told of an end, and more comes")

    def _next(self) -> bytes:
        """On the encryptor's thread: the bytes that came, none at the end."""
        with self._turn:
            self._turn.wait_for(lambda: self._waiting is not None or self._ended or self._given_up)
            if self._given_up:
                raise EOFError("given up")
            data, self._waiting = self._waiting or b"", None
            self._turn.notify_all()
            return data

    def _note(self, error: Exception) -> None:
        """On the encryptor's thread: what `write` raised comes first."""
        self._error = self._error or error

    def _run(self, encrypt: _Encrypt, reader: _Reader, writer: _Writer) -> None:
        failed: Exception | None = SpoolBroken("the encryptor ended before its time")
        try:
            encrypt(reader, writer)
            failed = None
        except SpoolBroken as error:
            failed = error
        finally:
            with self._turn:
                self._error = self._error or failed
                self._done = True
                self._waiting = None
                self._turn.notify_all()


class _Reader:
    """What the library reads from."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        if not self._rest:
            self._rest = memoryview(self._more())
        piece = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        return piece


class _Writer:
    """What the library writes to. It makes an error of its own out of ours, so ours is noted."""

    def __init__(self, write: Callable[[bytes], None], note: Callable[[Exception], None]) -> None:
        self._write = write
        self._note = note

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except Exception as error:
            self._note(error)
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back here."""


_Encrypt = Callable[[_Reader, _Writer], None]
