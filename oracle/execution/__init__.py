"""Running cases: the plan, the workers, the events, the record of a run."""
