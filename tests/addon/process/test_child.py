import subprocess
import sys
import time

import pytest
from recover_motion.addon.process import child


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def is_running(pid):
    """Whether a process runs; one that ended and waits to be collected does not count."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(status.stdout.strip()) and not status.stdout.startswith("Z")


@pytest.mark.skipif(sys.platform == "win32", reason="signals a process group")
def test_end_tree_ends_grandchildren_that_ignore_a_polite_request():
    grandchild = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {grandchild!r}])"
    process = child.start([sys.executable, "-c", parent])
    pid = int(process.stdout.readline())
    assert is_running(pid)
    child.end_tree(process, grace_s=0.5)
    assert process.poll() is not None
    child.end_tree(process)
    assert wait_for(lambda: not is_running(pid))


def test_a_child_does_not_see_blenders_python_settings(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/blender/only")
    monkeypatch.setenv("PYTHONHOME", "/blender")
    process = child.start(
        [sys.executable, "-c", "import os; print(os.environ.get('PYTHONPATH'), os.environ['PYTHONUTF8'])"]
    )
    assert process.communicate()[0].split() == [b"None", b"1"]


def test_output_is_utf8_whatever_the_locale(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    process = child.start([sys.executable, "-c", "print('走る')"])
    assert process.communicate()[0].decode("utf-8").strip() == "走る"
