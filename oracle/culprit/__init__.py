"""Which operation is to blame: each one alone, fed the certified cotangent, held to its own certificate."""
