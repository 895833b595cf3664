"""Recorded failures, run again."""
