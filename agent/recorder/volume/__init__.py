"""The driver for recorders that are disks: read through a read-only descriptor, never mounted."""
