"""Retention classes that hold where an office names none (article 12: routine footage at least six
months, evidence as long as its case; article 13: long-term)."""

from __future__ import annotations

from agent.config import Retained

DEFAULTS = (
    Retained(name="routine", months=6, label="常规"),
    Retained(name="evidence", until="case", label="证据"),
    Retained(name="long-term", months=120, label="长期"),
    Retained(name="permanent", until="ever", label="永久"),
)
ROUTINE = DEFAULTS[0].name
"""The class of a clip of which nothing else was said."""
