"""bodydock: a docking agent for body-worn recorders.

Footage comes in on one side (bay, offload, recorder, link) and goes out on the other
(uplink, custody, spool); the two sides meet only in the ledger.
"""

__version__ = "0.1.0"
