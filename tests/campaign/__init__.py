"""Long campaigns against a whole system of real processes: `python -m tests.campaign --help`.

Every run is made from one seed, which is printed where it fails: `--seed S --runs 1` replays it.
"""
