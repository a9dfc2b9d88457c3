"""Rows of the result: ours, the rival's, their ratio, the goal, and whether it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .cost import Cost

GB = 1e9
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure to reach, by its number in the project's list of ratios.

    `of_ratio`: the ratio to the rival has to reach it, else our own figure.
    """

    number: int
    sign: str
    value: float
    of_ratio: bool = True

    def reached(self, figure: float) -> bool:
        return figure <= self.value if self.sign == "≤" else figure >= self.value

    def text(self, unit: str) -> str:
        return (
            f"{self.sign} {self.value:g}{'' if self.of_ratio else f' {unit}'} (goal {self.number})"
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures between the least and the greatest."""

    figures: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.figures)

    def text(self) -> str:
        if len(self.figures) == 1:
            return _short(self.middle)
        least, most = min(self.figures), max(self.figures)
        return f"{_short(self.middle)} ({_short(least)}–{_short(most)})"

    def document(self) -> dict[str, Any]:
        figures = self.figures
        return {
            "median": self.middle,
            "min": min(figures),
            "max": max(figures),
            "all": list(figures),
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. Figure n of ours and figure n of the rival come from the same round."""

    name: str
    unit: str
    ours: Spread
    rival: str = ""
    theirs: Spread | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> Spread | None:
        """Ours by theirs, pair by pair."""
        if self.theirs is None or 0.0 in self.theirs.figures:
            return None
        both = zip(self.ours.figures, self.theirs.figures, strict=True)
        return Spread(tuple(ours / theirs for ours, theirs in both))

    @property
    def verdict(self) -> str:
        figure = self.ratio if self.goal and self.goal.of_ratio else self.ours
        if self.goal is None or figure is None:
            return ""
        return "reached" if self.goal.reached(figure.middle) else "missed"

    def cells(self) -> tuple[str, ...]:
        return (
            self.name,
            f"{self.ours.text()} {self.unit}",
            f"{self.rival}: {self.theirs.text()}" if self.theirs else self.rival,
            self.ratio.text() if self.ratio else "",
            self.goal.text(self.unit) if self.goal else "",
            self.verdict,
        )

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours.document(),
            "rival": self.rival or None,
            "theirs": self.theirs and self.theirs.document(),
            "ratio": self.ratio and self.ratio.document(),
            "goal": self.goal and self.goal.text(self.unit),
            "verdict": self.verdict or None,
        }


HEADINGS = ("what", "ours", "rival", "ratio", "goal", "verdict")


def spread(figures: Sequence[float]) -> Spread:
    return Spread(tuple(figures))


Costs = Mapping[str, Sequence[Cost]]
"""What each side cost, round by round."""


def rates(costs: Costs, size: int) -> dict[str, Spread]:
    """MB/s of each side, for `size` bytes."""
    return {name: spread([size / 1e6 / one.wall for one in found]) for name, found in costs.items()}


def loads(costs: Costs, size: int) -> dict[str, Spread]:
    """CPU seconds per GB of each side."""
    return {name: spread([one.cpu * GB / size for one in found]) for name, found in costs.items()}


def times(costs: Costs) -> dict[str, Spread]:
    """Milliseconds of each side."""
    return {name: spread([one.wall * 1000 for one in found]) for name, found in costs.items()}


def table(rows: Sequence[Row]) -> str:
    """Rows as text, each column as wide as its widest cell; median (least–greatest)."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _short(figure: float) -> str:
    """Three digits that mean something."""
    if abs(figure) >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 10 else f"{figure:.2f}"
