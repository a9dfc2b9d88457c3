"""One HTTP exchange, bounded in size and time; the standard library's client, no redirects."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable

from agent.errors import AuthorityUnreachable

LIMIT = 256 * 1024
"""Bytes of an answer; nothing that we ask for is longer."""

_HANDLERS: tuple[Callable[[], urllib.request.BaseHandler], ...] = (
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
)


def post(url: str, body: bytes, *, kind: str, timeout: float) -> bytes:
    """Send `body` of content type `kind`; the answer's bytes.

    Raises `AuthorityUnreachable` where there is no answer of 200 in `timeout` seconds, or one
    that is too long.
    """
    request = urllib.request.Request(url, body, {"Content-Type": kind})  # noqa: S310, by config
    opener = urllib.request.OpenerDirector()  # the usual one would follow redirects and proxies
    for handler in _HANDLERS:
        opener.add_handler(handler())
    try:
        with opener.open(request, timeout=timeout) as answer:
            data: bytes = answer.read(LIMIT + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise AuthorityUnreachable(f"{url} answers {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        raise AuthorityUnreachable(f"{url}: {error}") from error
    if len(data) > LIMIT:
        raise AuthorityUnreachable(f"{url} answers more than {LIMIT} bytes")
    return data
