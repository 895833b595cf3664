"""How many faults are found, and how many right derivatives flagged: ours and the peers' tools in one run."""
