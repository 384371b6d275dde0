"""The add-on's side of the pipe, against small programs that play a backend: well-behaved, old, silent or crashing."""

import sys
import textwrap
import threading
import time

import pytest
from recover_motion.addon.jobs import client as client_module
from recover_motion.addon.jobs.client import Command
from recover_motion.addon.jobs.job import Job, JobState
from recover_motion.addon.jobs.job_queue import JobQueue
from recover_motion.inference_backend.protocol import messages, versions
from recover_motion.inference_backend.protocol.errors import ErrorCode, RecoverError

BACKEND = """
import json, sys
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n"); sys.stdout.flush()
def hello(protocol):
    say(type="hello", protocol=protocol, backend="0", python="3", device="cpu", log_file="")
"""


class Play:
    """A folder with a package `inference_backend` that plays a backend."""

    def __init__(self, folder, script):
        package = folder / "inference_backend"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(BACKEND + textwrap.dedent(script), encoding="utf-8")
        self.command = Command(sys.executable, folder, folder / "data ü")


WELL = f"""
hello({versions.PROTOCOL_VERSION})
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "submit":
        job = message["job"]
        say(type="started", job=job)
        print("a library prints", flush=True)
        if job == "crash":
            sys.exit(3)
        if job == "bad":
            say(type="error", code="bad_input", sentence="The video is gone.", remedy="Put it back.", job=job)
            continue
        if job == "slow":
            say(type="progress", job=job, stage="people", fraction=0.5, overall=0.4, frames_per_second=20.0)
            continue
        say(type="note", job=job, sentence="A fallback.")
        say(type="result", job=job, result="/r/result.npz", body="/r/body.npz", people=[0], notes=["A fallback."])
    if message["type"] == "cancel":
        say(type="cancelled", job=message["job"])
"""


def steps(log, count=3):
    def build(job):
        for step in range(count):
            log.append((job.name, step))
            yield step / count

    return build


def job(name, log=None, build=None):
    return Job(name, name, messages.Submit(name, "v.mp4", "out"), build or steps(log if log is not None else []))


def drive(queue, until, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        queue.tick()
        time.sleep(0.005)
    assert until()


@pytest.fixture
def queue():
    queue = JobQueue("tests")
    yield queue
    queue.close(timeout_s=5.0)


def test_jobs_run_in_turn_and_build_one_step_a_tick(queue, tmp_path):
    log = []
    first, second = job("one", log), job("two", log)
    command = Play(tmp_path, WELL).command
    queue.submit(first, command)
    queue.submit(second, command)
    before = 0
    while not (first.state is JobState.DONE and second.state is JobState.DONE):
        queue.tick()
        assert len(log) - before <= 1
        before = len(log)
        time.sleep(0.005)
    assert log == [("one", 0), ("one", 1), ("one", 2), ("two", 0), ("two", 1), ("two", 2)]
    assert first.notes == ["A fallback."]
    assert not queue.busy


def test_an_error_of_the_backend_reaches_the_job_and_the_next_one_runs(queue, tmp_path):
    command = Play(tmp_path, WELL).command
    bad, good = job("bad"), job("good")
    queue.submit(bad, command)
    queue.submit(good, command)
    drive(queue, lambda: not bad.active and not good.active)
    assert bad.state is JobState.FAILED
    assert (bad.error.code, bad.error.remedy) == (ErrorCode.BAD_INPUT, "Put it back.")
    assert good.state is JobState.DONE


def test_cancel_while_running_and_before_the_backend_has_answered(queue, tmp_path):
    command = Play(tmp_path, WELL).command
    early = job("early")
    queue.submit(early, command)
    queue.cancel(early)
    assert early.state is JobState.CANCELLED
    slow = job("slow")
    queue.submit(slow, command)
    drive(queue, lambda: slow.stage == "people")
    assert (slow.overall, slow.frames_per_second) == (0.4, 20.0)
    queue.cancel(slow)
    drive(queue, lambda: not slow.active)
    assert slow.state is JobState.CANCELLED


def test_a_crash_fails_its_job_with_a_remedy_and_the_next_job_starts_anew(queue, tmp_path):
    command = Play(tmp_path, WELL).command
    lost = job("crash")
    queue.submit(lost, command)
    drive(queue, lambda: not lost.active)
    assert "stopped unexpectedly (exit status 3)" in lost.error.sentence
    assert "finished stages are kept" in lost.error.remedy
    again = job("good")
    queue.submit(again, command)
    drive(queue, lambda: not again.active)
    assert again.state is JobState.DONE


def test_a_backend_of_another_version_is_refused(queue, tmp_path):
    old = job("good")
    queue.submit(old, Play(tmp_path, f"hello({versions.PROTOCOL_VERSION + 1})\nsys.stdin.read()").command)
    drive(queue, lambda: not old.active)
    assert old.error.code is ErrorCode.PROTOCOL


def test_a_silent_backend_is_given_up(queue, tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "START_LIMIT_S", 0.2)
    silent = job("good")
    queue.submit(silent, Play(tmp_path, "sys.stdin.read()").command)
    drive(queue, lambda: not silent.active)
    assert "did not answer" in silent.error.sentence


def test_no_backend_at_all(queue, tmp_path):
    with pytest.raises(RecoverError) as caught:
        queue.submit(job("good"), Command(tmp_path / "no python", tmp_path, tmp_path / "data"))
    assert caught.value.code is ErrorCode.MISSING_PART
    assert queue.jobs == []


def test_a_failure_while_building_keeps_the_result(queue, tmp_path):
    def build(_job):
        yield 0.1
        raise ValueError("no such bone")

    broken = job("good", build=build)
    queue.submit(broken, Play(tmp_path, WELL).command)
    drive(queue, lambda: not broken.active)
    assert broken.state is JobState.FAILED
    assert "result.npz" in broken.error.remedy


def test_closing_ends_the_backend_and_its_jobs(queue, tmp_path):
    slow = job("slow")
    queue.submit(slow, Play(tmp_path, WELL).command)
    drive(queue, lambda: slow.stage == "people")
    process = queue._client._process
    queue.close(timeout_s=5.0)
    assert slow.state is JobState.CANCELLED
    assert process.poll() is not None


LATE = f"""
hello({versions.PROTOCOL_VERSION})
from pathlib import Path
for line in sys.stdin:
    message = json.loads(line)
    if message["type"] == "submit":
        out = Path(message["out"])
        (out / "result.npz").touch()
        (out / "body.npz").touch()
        (out / ".1-2.part").touch()
        say(type="progress", job=message["job"], stage="result", fraction=0.5, overall=0.99)
    if message["type"] == "cancel":
        say(type="result", job=message["job"], result=str(out / "result.npz"), body="", people=[0], notes=[])
out.joinpath("result.npz").touch()
"""


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_result_that_comes_too_late_is_removed_with_its_folder(queue, tmp_path, how):
    ours, theirs = (Job(name, name, messages.Submit(name, "v.mp4", str(tmp_path / name)), steps([])) for name in "ab")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "notes.txt").touch()
    command = Play(tmp_path / "play", LATE).command
    for late in (ours, theirs):
        queue.submit(late, command)
        drive(queue, lambda late=late: late.stage == "result")
        if how == "cancel":
            queue.cancel(late)
            drive(queue, lambda late=late: not late.active)
    queue.close(timeout_s=5.0)
    for thread in threading.enumerate():
        if thread.name == "recover-motion-backend-end":
            thread.join(10.0)
    assert (ours.state, theirs.state) == (JobState.CANCELLED, JobState.CANCELLED)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b" / "notes.txt").exists()


def test_a_job_that_repeats_stages_says_only_what_its_own_have_to_say():
    cleaning = Job("c", "c", messages.Submit("c", "v.mp4", "out"), steps([]), own_stages=frozenset({"foot_lock"}))
    cleaning.update(messages.Note("c", "The focal length is a guess.", "camera"))
    cleaning.update(messages.Note("c", "A leg is too short.", "foot_lock"))
    assert cleaning.notes == ["A leg is too short."]
    both = ["The focal length is a guess.", "A leg is too short."]
    cleaning.update(messages.Result("c", "/r/result.npz", "/r/body.npz", [0], both))
    assert cleaning.notes == ["A leg is too short."]
