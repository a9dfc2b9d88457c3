"""Our own work as functions that `tests.bench.worker` calls, each in a process of its own."""
