"""Failures that were seen, kept with all that is needed to see them again."""
