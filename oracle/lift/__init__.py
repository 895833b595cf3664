"""From a user's own function to a Program: torch by recording one forward, JAX by reading its jaxpr."""
