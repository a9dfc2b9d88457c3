"""SMP (MCUmgr) on a serial line: frames and messages, bytes to values and back. Pure."""
