"""Mutants that no test can tell from the program, each with its reason."""

from __future__ import annotations

EQUIVALENT: dict[tuple[str, str], str] = {}
"""(last part of the module's name, what the mutant does) → why nothing can tell it."""
