from __future__ import annotations

from oracle.execution.obituary import how_it_ended, innermost_frame

LOG = """some warning
Fatal Python error: Aborted

Thread 0x00007f1 (most recent call first):
  File "/lib/python3.11/threading.py", line 975 in run
  File "/repo/oracle/execution/worker.py", line 44 in _receive

Current thread 0x00007f2 (most recent call first):
  File "/lib/jax/_src/compiler.py", line 362 in backend_compile
  File "/repo/oracle/execution/worker.py", line 52 in _answer

Extension modules: numpy (total: 1)
"""


def test_innermost_frame_is_the_main_threads() -> None:
    """The stack that was written last counts, without the worker's own frames."""
    assert innermost_frame(LOG) == "backend_compile (compiler.py, line 362)"
    assert innermost_frame(LOG.partition("Current")[0]) == ""
    assert innermost_frame("") == ""


def test_end_in_words() -> None:
    """The signal by name, the frame if there is one, else the last line of the log."""
    assert how_it_ended(-6, LOG) == "was ended by SIGABRT in backend_compile (compiler.py, line 362)"
    assert how_it_ended(-6, "Fatal Python error: Aborted\n") == "was ended by SIGABRT (Aborted)"
    assert how_it_ended(-9, "") == "was ended by SIGKILL, perhaps because the system ran out of memory"
    assert how_it_ended(-64, "") == "was ended by SIGRTMAX"
    assert how_it_ended(-99, "") == "was ended by signal 99"
    assert how_it_ended(1, "ImportError: no module\n\n") == "left with exit status 1 (ImportError: no module)"
    assert how_it_ended(None, "") == "closed its connection"
