"""What bodydock costs, beside programs that people know, measured in the same run.

    python -m tests.bench                        everything
    python -m tests.bench pull uplink            parts of it
    python -m tests.bench --size 256MiB --pairs 3 --json figures.json

A figure alone says as much about the machine as about the program. So each of ours stands beside
a named rival that did the same work in the same minute, in turns, and what counts is their ratio:
the median over all pairs, with the least and the greatest. The figures to reach are printed
beside them, and whether they were is a word. The exit status never is: a timed test that can
fail would fail on somebody else's busy machine.
"""
