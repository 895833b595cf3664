from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SCRIPT = f"""
import sys
sys.path[:0] = {[*sys.path, str(HERE)]!r}
import execution_stub as stub
from oracle.commands import report
from oracle.execution.execute import Plan
from oracle.execution.plan import Settings
cases = [stub.make_case(name) for name in ("a", "b", "sleep-1", "sleep-2", "z")]
plan = Plan(cases, Settings(), stub.FRAMEWORKS, 2, examine=stub.examine, prepare=stub.prepare)
sys.exit(report(plan, ("text", "json=run.json")))
"""


def children(pid: int) -> list[int]:
    """Process ids of the direct children."""
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_a_whole_record(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C goes to the whole group: valid JSON of what was done, status 2, nobody left behind."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        env={**os.environ, "COLUMNS": "100"},
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("2/5 cases"):
                break
        time.sleep(0.5)
        workers = children(process.pid)
        assert len(workers) == 2
        if number is signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "interrupted after 2 of 5 cases" in err
    assert "Traceback" not in out + err
    assert out.splitlines()[-1].startswith("interrupted: nothing failed so far")
    document = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert document["interrupted"] is True
    assert [result["case"] for result in document["results"]] == ["a", "b"]
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
