"""Sizes on a command line, such as `32 MiB`."""

from __future__ import annotations

import click

from agent.cli.show import size_text
from agent.config.fields import parse_size


class Size(click.ParamType[int]):
    """Bytes, at least `smallest`; `of` names what has that size."""

    name = "size"

    def __init__(self, smallest: int, of: str) -> None:
        self._smallest = smallest
        self._of = of

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            size = value if isinstance(value, int) else parse_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if size < self._smallest:
            self.fail(f"{self._of} has at least {size_text(self._smallest)}", param, ctx)
        return size
