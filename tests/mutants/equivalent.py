"""Mutants that no test can tell from the program, each with its reason."""

from __future__ import annotations

EQUIVALENT: dict[tuple[str, str], str] = {
    (
        "clear",
        "Clearing._is_proved_anew: return False  ⇒  return None",
    ): "Its one caller asks for its truth, and None is as little true as False.",
    (
        "clear",
        "Clearing._want: if clearing is None or "
        "clearing.state is not Clearance.WANTED: self._ledger.want_proof(entry.clip)  ⇒  if True",
    ): "`want_proof` changes nothing for a clip that is wanted; the question spares a transaction.",
    (
        "clear",
        "Clearing._tell_lost: self._ended = True  ⇒  False (self._ended = False)",
    ): "The finding of the same call stands against every clip of this recorder: two bolts.",
}
"""(last part of the module's name, what the mutant does) → why nothing can tell it."""
