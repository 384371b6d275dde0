import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from inference_backend.protocol import message_lines as lines
from inference_backend.protocol import messages as m
from inference_backend.protocol.result_format import load_result
from inference_backend.protocol.versions import BACKEND_VERSION, PROTOCOL_VERSION


def log_text(hello):
    return Path(hello.log_file).read_text(encoding="utf-8")


def test_a_whole_session(start, tmp_path):
    backend = start()
    hello = backend.greet()
    assert (hello.protocol, hello.backend) == (PROTOCOL_VERSION, BACKEND_VERSION)
    assert hello.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert hello.device in ("cpu", "cuda")

    # Lines that are no messages are logged and change nothing.
    backend.write(b"hello?\n\xff\xfe\n[1]\n" + b"x" * (lines.MAX_LINE_BYTES + 5) + b"\n\n")
    backend.submit("first")
    backend.submit("second")
    assert backend.until(m.Queued) == m.Queued("first", 0)
    assert backend.until(m.Queued).job == "second"
    first = backend.until(m.Result, "first")
    second = backend.until(m.Result, "second")
    assert first.people == second.people == [0, 2]
    assert first.notes == ["The shots are synthetic."]
    result = load_result(Path(first.result))
    assert result.warnings == ("The shots are synthetic.",)
    assert [person.person_id for person in result.people] == [0, 2]
    assert Path(first.body).is_file()

    # What libraries printed went to stderr, and every line on stdout was a message (`next` decodes them all).
    printed = (tmp_path / "stderr").read_text()
    assert "a library prints in the stage people" in printed
    assert "so does a C library" in printed
    assert "a line was ignored" in log_text(hello)

    # One job after the other, the second one from the cache, notes included.
    order = [x for x in backend.received if isinstance(x, m.Started | m.Result)]
    assert [(type(x), x.job) for x in order] == [
        (m.Started, "first"),
        (m.Result, "first"),
        (m.Started, "second"),
        (m.Result, "second"),
    ]
    assert backend.journal().count("people") == 1
    assert second.notes == first.notes
    progress = [x for x in backend.received if isinstance(x, m.Progress) and x.job == "first"]
    overall = [x.overall for x in progress]
    assert overall == sorted(overall)
    assert overall[-1] == pytest.approx(1.0)
    assert list(dict.fromkeys(x.stage for x in progress)) == [
        "frames", "shots", "people", "background", "camera", "estimate", "world", "contacts", "foot_lock", "result",
    ]  # fmt: skip
    assert all(
        x.reused for x in backend.received if isinstance(x, m.Progress) and x.job == "second" and x.stage == "people"
    )

    # A name that was used, a setting that does not exist, a clip that is gone: typed errors, and it goes on.
    backend.submit("second")
    assert backend.until(m.Error).code == "protocol"
    backend.submit("third", settings={"foot_lock": {"strenght": 1}})
    error = backend.until(m.Error)
    assert (error.code, error.job) == ("bad_setting", "third")
    assert "foot_lock.strenght" in error.sentence
    backend.submit("fourth", video=str(tmp_path / "gone.mp4"))
    error = backend.until(m.Error)
    assert (error.code, error.job) == ("bad_input", "fourth")
    assert "gone.mp4" in error.sentence

    # A defect of ours: a sentence for the person, the traceback in the log.
    (tmp_path / "fail").write_text("shots ValueError")
    backend.submit("fifth", settings={"frames": {"image_fps": 31}})
    error = backend.until(m.Error)
    assert (error.code, error.job) == ("internal", "fifth")
    assert hello.log_file in error.remedy
    assert "Traceback" in log_text(hello)
    assert 'raise {"ValueError"' in log_text(hello)

    backend.send(m.Shutdown())
    assert backend.ended() == 0


def test_cancel_keeps_finished_stages_and_the_queue(start, tmp_path):
    (tmp_path / "hold").write_text("people")
    backend = start()
    backend.greet()
    backend.submit("a")
    backend.submit("b")
    backend.submit("c", out=str(tmp_path / "out c"))
    backend.wait_until_in("people")
    backend.send(m.Cancel("b"))
    assert backend.until(m.JobCancelled).job == "b"
    backend.send(m.Cancel("unheard of"))
    backend.send(m.Cancel("a"))
    assert backend.until(m.JobCancelled).job == "a"
    (tmp_path / "hold").unlink()
    assert backend.until(m.Result).job == "c"
    assert backend.journal().count("shots") == 1
    assert not (tmp_path / "out").exists()


def test_a_job_without_a_result_leaves_no_folder_behind_and_touches_none_that_was_there(start, tmp_path):
    (tmp_path / "fail").write_text("camera ValueError")
    (tmp_path / "there").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    backend = start()
    backend.greet()
    for name in ("new", "there", "full"):
        backend.submit(name, out=str(tmp_path / name))
        assert backend.until(m.Error).code == "internal"
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "there").iterdir()) == []
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("protocol", [PROTOCOL_VERSION + 1, None])
def test_no_job_without_a_matching_handshake(start, tmp_path, protocol):
    backend = start()
    backend.until(m.Hello)
    if protocol is not None:
        backend.send(m.ClientHello(protocol, "of tomorrow"))
        error = backend.until(m.Error)
        assert (error.code, error.job) == ("protocol", None)
        assert str(protocol) in error.sentence
    backend.submit("a")
    error = backend.until(m.Error)
    assert (error.code, error.job) == ("protocol", "a")
    assert backend.journal() == []


@pytest.mark.parametrize("how", ["hold", "stuck"])
def test_the_child_ends_when_stdin_closes_in_the_middle_of_a_stage(start, tmp_path, how):
    (tmp_path / how).write_text("people")
    backend = start()
    backend.greet()
    backend.submit()
    backend.wait_until_in("people") if how == "hold" else backend.wait_until_stuck()
    backend.child.stdin.close()
    assert backend.ended() == 0
    assert backend.journal()[-1] == "people"


def test_the_child_ends_when_stdin_closes_before_it_has_spoken(start):
    backend = start()
    backend.child.stdin.close()
    assert backend.ended() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
def test_a_signal_ends_the_child_in_order(start, tmp_path):
    (tmp_path / "stuck").write_text("people")
    backend = start()
    hello = backend.greet()
    backend.submit()
    backend.wait_until_stuck()
    os.kill(backend.child.pid, signal.SIGTERM)
    assert backend.ended() == 0
    assert "the service ends in the middle of a stage" in log_text(hello)


def test_memory_that_runs_out_leads_to_smaller_batches_and_a_note(start, tmp_path):
    backend = start()
    backend.greet()
    (tmp_path / "fail").write_text("estimate@full")
    backend.submit("a")
    result = backend.until(m.Result)
    assert "in smaller batches" in result.notes[-1]
    assert result.notes[-1] in load_result(Path(result.result)).warnings
    (tmp_path / "fail").write_text("camera MemoryError")
    backend.submit("b", settings={"camera": {"focal_px": 900.0}})
    assert backend.until(m.Error).code == "out_of_memory"
    assert backend.journal().count("people") == 1


def test_edited_contacts_take_the_place_of_found_ones(start, tmp_path):
    backend = start()
    backend.greet()
    backend.submit("a")
    before = load_result(Path(backend.until(m.Result).result))
    edited = np.zeros((len(before), 4), bool)
    edited[3:9, 1] = True
    np.savez(tmp_path / "edited.npz", p2_contact=edited, frame_index=before.frame_index)
    backend.submit("b", contacts=str(tmp_path / "edited.npz"))
    after = load_result(Path(backend.until(m.Result).result))
    np.testing.assert_array_equal(after.people[1].contact, edited & after.people[1].valid[:, None])
    np.testing.assert_array_equal(after.people[0].contact, before.people[0].contact)
    # The foot lock ran again for that person, and nothing else did.
    journal = backend.journal()
    assert journal.count("contacts") == 2
    assert journal.count("foot_lock") == 3

    np.savez(tmp_path / "stranger.npz", p1_contact=edited)
    backend.submit("c", contacts=str(tmp_path / "stranger.npz"))
    error = backend.until(m.Error)
    assert error.code == "bad_setting"
    assert "person 1" in error.sentence
    np.savez(tmp_path / "short.npz", p2_contact=edited[:-1])
    backend.submit("d", contacts=str(tmp_path / "short.npz"))
    assert backend.until(m.Error).code == "bad_input"
