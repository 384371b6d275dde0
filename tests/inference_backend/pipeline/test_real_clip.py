"""The product's own stages on a real clip, from file to result."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference_backend.body.body import Body
from inference_backend.pipeline.cache import StageCache
from inference_backend.protocol import message_lines as lines
from inference_backend.protocol import messages as m
from inference_backend.protocol.result_format import load_result
from inference_backend.service.run_job import run_job

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "sample" / "sample.mp4"
RANGE = {"start_s": 0.5, "end_s": 1.7}


@pytest.fixture(scope="module")
def clip(request, tmp_path_factory):
    source = SAMPLE if SAMPLE.exists() else request.getfixturevalue("shared") / "realvideo" / "nogt_boxing.mp4"
    copy = tmp_path_factory.mktemp("clips") / 'a "clip" with spaces, 视频.mp4'
    shutil.copyfile(source, copy)
    return copy


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def job(cache, clip, out, **options):
    """Everything that a job says, and the last of it."""
    said = []
    values = {"job": "a", "video": str(clip), "out": str(out), "device": "cpu", **RANGE, **options}
    last = run_job(m.Submit(**values), StageCache(cache), threading.Event(), said.append, None)
    return last, said


def ran(said):
    """Stages that worked, rather than being taken from the cache."""
    worked = [x.stage for x in said if isinstance(x, m.Progress) and not x.reused]
    return list(dict.fromkeys(worked))


@pytest.fixture(scope="module")
def first(cache, clip, tmp_path_factory):
    """A job whose process is killed while it estimates the motion, and which is then started again."""
    out = tmp_path_factory.mktemp("out") / "the result"
    argv = [
        sys.executable,
        "-m",
        "inference_backend",
        "recover",
        str(clip),
        "--out",
        str(out),
        "--json",
        "--device",
        "cpu",
    ]
    argv += ["--start", str(RANGE["start_s"]), "--end", str(RANGE["end_s"]), "--cache", str(cache)]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    for line in child.stdout:
        message = lines.decode(line)
        assert not isinstance(message, m.Error | m.Result), message
        if isinstance(message, m.Progress) and message.stage == "estimate":
            child.kill()
            break
    child.stdout.close()
    assert child.wait() != 0
    assert not (out / "result.npz").exists()
    last, said = job(cache, clip, out)
    assert isinstance(last, m.Result), last
    return out, ran(said)


def test_the_second_start_goes_on_where_the_first_was_killed(first):
    assert first[1] == ["estimate", "world", "contacts", "foot_lock", "result"]


def test_the_result_holds_a_person_where_the_video_shows_one(first):
    result = load_result(first[0] / "result.npz")
    assert len(result) == pytest.approx((RANGE["end_s"] - RANGE["start_s"]) * result.fps, abs=1)
    assert (result.time_s >= RANGE["start_s"] - 1e-3).all()
    assert (result.time_s < RANGE["end_s"]).all()
    assert result.body_sha256 == Body.load().sha256
    person = max(result.people, key=lambda one: one.valid.sum())
    assert person.valid.mean() > 0.9
    rows = person.valid
    pelvis, head = person.motion.joints_world[rows, 0], person.motion.joints_world[rows, 15]
    assert (head[:, 1] > pelvis[:, 1]).all()
    feet = person.motion.joints_world[rows][:, [10, 11], 1]
    assert (feet > 0.0).all()
    assert np.median(feet.min(axis=1)) < 0.25
    # The recovered body, seen through the recovered camera, lies in the box in which the person was found.
    x = np.einsum("tij,tkj->tki", result.K[rows], person.joints_camera[rows])
    pixels = x[..., :2] / x[..., 2:]
    low, high = person.box[rows][:, None, :2], person.box[rows][:, None, 2:]
    assert ((pixels > low) & (pixels < high)).all(axis=2).mean() > 0.9


def test_a_changed_clean_up_setting_opens_no_video(first, cache, clip, tmp_path, monkeypatch):
    before = load_result(first[0] / "result.npz")

    def forbidden(*_arguments, **_options):
        raise AssertionError("the video was opened")

    monkeypatch.setattr(av, "open", forbidden)
    monkeypatch.setattr(cv2, "VideoCapture", forbidden)
    last, said = job(cache, clip, tmp_path, settings={"contacts": {"height_m": 0.03}, "foot_lock": {"strength": 0.0}})
    assert isinstance(last, m.Result), last
    assert ran(said) == ["contacts", "foot_lock", "result"]
    after = load_result(tmp_path / "result.npz")
    for old, new in zip(before.people, after.people, strict=True):
        np.testing.assert_array_equal(old.raw.transl, new.raw.transl)
        np.testing.assert_array_equal(old.raw.body_pose, new.raw.body_pose)
    last, said = job(cache, clip, tmp_path, settings={"foot_lock": {"smoothing_s": 0.3}})
    assert ran(said) == ["foot_lock", "result"]


def test_an_edited_contact_holds_the_foot(first, cache, clip, tmp_path):
    before = load_result(first[0] / "result.npz")
    number, person = max(enumerate(before.people), key=lambda pair: pair[1].valid.sum())
    edited = np.zeros((len(before), 4), bool)
    edited[10:25, :2] = person.valid[10:25, None]
    np.savez(tmp_path / "edited.npz", **{f"p{person.person_id}_contact": edited})
    last, _ = job(cache, clip, tmp_path / "out", contacts=str(tmp_path / "edited.npz"))
    assert isinstance(last, m.Result), last
    after = load_result(tmp_path / "out" / "result.npz").people[number]
    np.testing.assert_array_equal(after.contact, edited)
    held = after.motion.joints_world[12:23, 10]
    free = after.raw.joints_world[12:23, 10]
    assert np.ptp(held, axis=0).max() < max(0.01, 0.5 * np.ptp(free, axis=0).max())


def test_two_runs_of_the_same_clip_give_the_same_motion(first, clip, tmp_path):
    last, _ = job(tmp_path / "another cache", clip, tmp_path / "out")
    assert isinstance(last, m.Result), last
    with np.load(first[0] / "result.npz") as one, np.load(tmp_path / "out" / "result.npz") as two:
        for key in one.files:
            if one[key].dtype.kind == "f":
                np.testing.assert_allclose(one[key], two[key], atol=1e-6, err_msg=key)


def broken(clip, folder, kind):
    path = folder / "broken.mp4"
    # The index of such a file lies at its end or its beginning: without both there is nothing to go by.
    middle = clip.read_bytes()[20_000:-20_000]
    content = {"empty": b"", "text": b"Dear diary,\n" * 1000, "cut at both ends": middle, "gone": None}[kind]
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["empty", "text", "cut at both ends", "gone"])
def test_what_is_no_video_gets_a_sentence(cache, clip, tmp_path, kind):
    last, _ = job(cache, broken(clip, tmp_path, kind), tmp_path / "out")
    assert isinstance(last, m.Error)
    assert last.code == "bad_input"
    assert "broken.mp4" in last.sentence


def test_a_range_without_frames_and_a_wrong_body_get_a_sentence(cache, clip, tmp_path):
    last, _ = job(cache, clip, tmp_path, start_s=500.0, end_s=501.0)
    assert (last.code, "500" in last.sentence) == ("bad_input", True)
    last, _ = job(cache, clip, tmp_path, start_s=2.0, end_s=1.0)
    assert last.code == "bad_setting"
    np.savez(tmp_path / "body.npz", v_template=np.zeros((3, 3)))
    for body in (tmp_path / "body.npz", clip, tmp_path / "gone.npz"):
        last, _ = job(cache, clip, tmp_path, settings={"body": str(body)})
        assert last.code == "wrong_body"
        assert body.name in last.sentence


def test_a_target_that_cannot_be_written_is_told_before_any_work(cache, clip, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    last, said = job(cache, clip, tmp_path / "file" / "out", start_s=0.0, end_s=0.3)
    assert last.code == "bad_output"
    assert ran(said) == []


def test_nobody_in_view_gets_a_sentence(cache, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "wall.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 240))
    for i in range(12):
        writer.write(np.full((240, 320, 3), 100 + i, np.uint8))
    writer.release()
    last, _ = job(cache, tmp_path / "wall.mp4", tmp_path / "out", start_s=None, end_s=None)
    assert isinstance(last, m.Error)
    assert last.code == "no_person"
