"""The driver for recorders on a serial line that speak SMP (MCUmgr)."""
