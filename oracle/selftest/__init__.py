"""Faults planted on purpose, on the machine at hand, to show that they are caught: ``oracle selftest``."""
