"""Culprits of Programs: the operation whose own local derivative is off."""
