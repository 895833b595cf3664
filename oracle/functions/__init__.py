"""A user's own function held to a certified gradient: what is checked, by which routes, and the result."""
