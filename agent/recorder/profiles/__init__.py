"""Recorder families as data: one TOML each, every key declared, every fact with its source."""
