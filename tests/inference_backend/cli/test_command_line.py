import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from inference_backend.cli.arguments import build_parser
from inference_backend.cli.exit_codes import EXIT_CODES
from inference_backend.cli.main import main
from inference_backend.cli.recover import submit_of
from inference_backend.protocol import message_lines as lines
from inference_backend.protocol import messages as m
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.result_format import load_result
from inference_backend.service.run_job import job_of

ROOT = Path(__file__).resolve().parents[3]
SYNTHETIC = ROOT / "tests" / "inference_backend" / "service" / "synthetic_stages.py"
K = [[1400.0, 0.0, 960.0], [0.0, 1400.0, 540.0], [0.0, 0.0, 1.0]]


def job(*options, video="clip.mp4"):
    return job_of(submit_of(build_parser().parse_args(["recover", video, "--out", "out", *options])))


def test_options_reach_their_settings(tmp_path):
    camera = tmp_path / "camera file.json"
    camera.write_text(json.dumps({"K": K, "dist": [0.1, 0.2, 0, 0]}))
    asked = job(
        "--start", "1.5", "--end", "3", "--people", "2", "--intrinsics", str(camera), "--device", "cpu",
        "--contact-height", "0.05", "--contact-speed", "0.3", "--lock-strength", "0.5", "--lock-blend", "0.2",
        "--smoothing", "0.1", "--contacts", "c.npz", "--estimator", "kinematic", "--body", "b.npz",
    )  # fmt: skip
    s = asked.settings
    assert (s.frames.start_s, s.frames.end_s, s.people.people) == (1.5, 3.0, 2)
    assert tuple(map(tuple, K)) == s.camera.K
    assert s.camera.dist == (0.1, 0.2, 0.0, 0.0, 0.0)
    assert (s.contacts.height_m, s.contacts.speed_mps) == (0.05, 0.3)
    assert (s.foot_lock.strength, s.foot_lock.blend_s, s.foot_lock.smoothing_s) == (0.5, 0.2, 0.1)
    assert (asked.contacts, s.body, asked.device) == (Path("c.npz"), "b.npz", "cpu")
    assert job("--focal", "900").settings.camera.focal_px == 900.0
    assert job("--estimator-body", "own.npz").settings.estimator_body == "own.npz"


def test_options_win_over_the_settings_file(tmp_path):
    file = tmp_path / "settings.json"
    file.write_text('{"foot_lock": {"strength": 0.3, "blend_s": 0.3}}', encoding="utf-8-sig")
    s = job("--settings", str(file), "--lock-strength", "0.6").settings
    assert (s.foot_lock.strength, s.foot_lock.blend_s) == (0.6, 0.3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", ErrorCode.BAD_INPUT),
        ("{", ErrorCode.BAD_INPUT),
        ("[1]", ErrorCode.BAD_SETTING),
        ('{"dist": [0, 0, 0, 0]}', ErrorCode.BAD_SETTING),
        ('{"K": [[1, 0, 0], [0, 1, 0]]}', ErrorCode.BAD_SETTING),
        ('{"K": [[1400, 0, 0], [0, 1400, 0], [960, 540, 1]]}', ErrorCode.BAD_SETTING),
        ('{"K": [[-1400, 0, 960], [0, 1400, 540], [0, 0, 1]]}', ErrorCode.BAD_SETTING),
        ('{"K": [[1400, 0, "960"], [0, 1400, 540], [0, 0, 1]]}', ErrorCode.BAD_SETTING),
        ('{"K": [[1400, 0, NaN], [0, 1400, 540], [0, 0, 1]]}', ErrorCode.BAD_SETTING),
        (json.dumps({"K": K, "dist": [0, 0, 0]}), ErrorCode.BAD_SETTING),
        (json.dumps({"K": K, "dist": 0}), ErrorCode.BAD_SETTING),
    ],
)
def test_a_wrong_camera_file_gets_a_sentence(tmp_path, text, code):
    file = tmp_path / "camera.json"
    file.write_text(text)
    with pytest.raises(RecoverError) as caught:
        job("--intrinsics", str(file))
    assert caught.value.code is code
    assert str(file) in caught.value.sentence
    assert '"K"' in caught.value.remedy


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--lock-strength", "7"], 2),
        (["--people", "-1"], 2),
        (["--estimator", "magic"], 2),
        (["--settings", "nowhere.json"], 3),
    ],
)
def test_wrong_options_end_with_their_status_before_any_work(tmp_path, capsys, options, status):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video")
    assert main(["recover", str(clip), "--out", str(tmp_path / "out"), "--cache", str(tmp_path), *options]) == status
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_json_says_a_wrong_option_as_a_message_too(tmp_path, capfdbinary):
    assert main(["recover", "clip.mp4", "--out", str(tmp_path / "out"), "--lock-strength", "7", "--json"]) == 2
    message = lines.decode(capfdbinary.readouterr().out)
    assert (type(message), message.code) == (m.Error, "bad_setting")


def test_every_error_code_has_a_status_of_its_own():
    assert set(EXIT_CODES) == set(ErrorCode)
    assert len(set(EXIT_CODES.values())) == len(ErrorCode)
    assert 0 not in EXIT_CODES.values()


def program(folder, *arguments):
    return [sys.executable, str(SYNTHETIC), *map(str, arguments)], {
        **os.environ,
        "RECOVER_MOTION_TEST": str(folder),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def clip(tmp_path):
    clip = tmp_path / 'a "quoted" 名前.mp4'
    clip.write_bytes(b"a clip")
    return clip


def test_json_prints_nothing_but_messages(tmp_path, clip):
    argv, env = program(tmp_path, "recover", clip, "--out", tmp_path / "out ü", "--cache", tmp_path / "cache", "--json")
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=False)
    messages = [lines.decode(line) for line in done.stdout.splitlines(keepends=True)]
    assert done.returncode == 0
    assert isinstance(messages[0], m.Started)
    assert isinstance(messages[-1], m.Result)
    assert messages[-1].people == [0, 2]
    assert b"a library prints" in done.stderr

    # Again, for a person this time: a line a stage, the library's chatter in the log only.
    argv.remove("--json")
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=False)
    text = done.stderr.decode()
    assert done.returncode == 0
    assert "people (kept from before)" in text
    assert "Note: The shots are synthetic." in text
    assert str(tmp_path / "out ü" / "result.npz") in text

    files = convert(tmp_path)
    assert len(files) == 2
    with np.load(files[1]) as file:
        N = len(file["time_s"])
        assert load_result(tmp_path / "out ü" / "result.npz").people[1].valid.sum() == N
        shapes = {key: file[key].shape for key in file.files}
    assert shapes["betas"] == (10,)
    assert shapes["global_orient"] == shapes["transl"] == shapes["trans"] == shapes["jaw_pose"] == (N, 3)
    assert shapes["body_pose"] == (N, 63)
    assert shapes["left_hand_pose"] == shapes["right_hand_pose"] == (N, 45)
    assert shapes["poses"] == (N, 165)


def convert(folder):
    assert main(["to_smplx", str(folder / "out ü" / "result.npz"), str(folder / "moved" / "motion.npz")]) == 0
    return sorted((folder / "moved").glob("motion_p*.npz"))


def test_to_smplx_of_something_else_gets_a_sentence(tmp_path, capsys):
    assert main(["to_smplx", str(tmp_path / "none.npz"), str(tmp_path / "out.npz")]) == 3
    assert "none.npz" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_cancels_and_the_same_command_goes_on(tmp_path, clip):
    (tmp_path / "hold").write_text("people")
    argv, env = program(tmp_path, "recover", clip, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    child = subprocess.Popen(argv, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
    journal = tmp_path / "journal"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_text().endswith("people\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, text = child.communicate(timeout=120)
    assert child.returncode == 130
    assert "finished stages are kept" in text
    assert "Traceback" not in text
    (tmp_path / "hold").unlink()
    assert subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, check=False).returncode == 0
    assert journal.read_text().splitlines().count("shots") == 1


def test_help_needs_no_torch():
    code = (
        "import sys\nfrom inference_backend.cli.main import main\n"
        "try:\n    main(['recover', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'cv2', 'mediapipe', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--lock-strength" in done.stdout
    assert done.stdout.rstrip().endswith("[]")


@pytest.mark.parametrize("content", [None, b"", b"Dear diary,\n" * 1000])
def test_what_is_no_video_is_refused_before_torch_is_loaded(tmp_path, content):
    video = tmp_path / "diary.mp4"
    if content is not None:
        video.write_bytes(content)
    argv = ["recover", str(video), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    code = (
        "import sys\nfrom inference_backend.cli.main import main\n"
        f"status = main({argv!r})\nprint(status, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == [str(EXIT_CODES[ErrorCode.BAD_INPUT]), "False"]
    assert "diary.mp4" in done.stderr
