"""Speed and detection power, measured; each module prints one table."""
