import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from inference_backend.protocol import message_lines
from inference_backend.protocol import messages as m
from inference_backend.protocol.versions import PROTOCOL_VERSION

ROOT = Path(__file__).resolve().parents[3]
SYNTHETIC = Path(__file__).with_name("synthetic_stages.py")
PATIENCE_S = 120


class Backend:
    """The real service process, spoken to over its pipes."""

    def __init__(self, argv, folder):
        self.folder = folder
        self.child = subprocess.Popen(
            [sys.executable, *map(str, argv)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("ab"),
            env={**os.environ, "RECOVER_MOTION_TEST": str(folder), "OMP_NUM_THREADS": "1"},
        )
        self.lines = queue.Queue()
        self.received = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def next(self):
        """The next message; anything on stdout that is no message fails the test. None at the end."""
        line = self.lines.get(timeout=PATIENCE_S)
        if line is None:
            return None
        message = message_lines.decode(line)
        self.received.append(message)
        return message

    def until(self, kind, job=None):
        while (message := self.next()) is not None:
            if isinstance(message, kind) and (job is None or message.job == job):
                return message
        raise AssertionError(f"no {kind} came; received {self.received[-5:]}")

    def send(self, message):
        self.write(message_lines.encode(message))

    def write(self, data):
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def greet(self):
        hello = self.until(m.Hello)
        self.send(m.ClientHello(PROTOCOL_VERSION, "test"))
        return hello

    def submit(self, job="a", **options):
        video = self.folder / "clip.mp4"
        video.write_bytes(b"a clip") if not video.exists() else None
        values = {"video": str(video), "out": str(self.folder / "out"), "device": "cpu", **options}
        self.send(m.Submit(job=job, **values))

    def journal(self):
        path = self.folder / "journal"
        return path.read_text().split("\n")[:-1] if path.exists() else []

    def wait_until_in(self, stage):
        while not (isinstance(message := self.until(m.Progress), m.Progress) and message.stage == stage):
            pass

    def wait_until_stuck(self):
        """A stage that has announced itself may still notice a cancel; one that is stuck does not."""
        end = time.monotonic() + PATIENCE_S
        while not (self.folder / "is stuck").exists():
            assert time.monotonic() < end
            time.sleep(0.02)

    def ended(self):
        return self.child.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path):
    """Starts the service with synthetic stages; its cache and journal stay from one start to the next."""
    started = []

    def start_service():
        started.append(Backend([SYNTHETIC, "serve", tmp_path / "cache"], tmp_path))
        return started[-1]

    yield start_service
    for backend in started:
        backend.child.kill()
        backend.child.wait()
        backend.child.stdin.close()
