"""Scripts that show a finding again without us: the framework, numpy, exact numbers, two answers."""
