"""How long ``oracle --help`` takes in a fresh process, and which imports it spends the time on."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 10
LIMIT = 0.3
"""Seconds; more than this feels like waiting."""
SHOWN = 8


def main() -> None:
    """Print the median of some runs and the slowest imports; exit with 1 above the limit."""
    command = [sys.executable, "-m", "oracle", "--help"]
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    median = statistics.median(seconds)
    print(f"oracle --help: median {median:.3f} s, limit {LIMIT} s")
    timed = [sys.executable, "-X", "importtime", *command[1:]]
    lines = subprocess.run(timed, check=True, capture_output=True, text=True).stderr.splitlines()[1:]
    columns = [line.removeprefix("import time:").split("|") for line in lines if line.count("|") == 2]
    slowest = sorted(((int(c[0]), c[2].strip()) for c in columns if c[0].strip().isdigit()), reverse=True)
    for microseconds, module in slowest[:SHOWN]:
        print(f"  {microseconds / 1000:6.1f} ms  {module}")
    sys.exit(median > LIMIT)


if __name__ == "__main__":
    main()
