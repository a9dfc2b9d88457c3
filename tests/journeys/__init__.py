"""The campaigns of `tests.campaign` with few runs, for every commit."""
