import pytest

from inference_backend.cli.arguments import build_parser
from inference_backend.cli.recover import submit_of
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.service.run_job import job_of


def settings(*options):
    return job_of(submit_of(build_parser().parse_args(["recover", "a.mp4", "--out", "b", *options]))).settings


def test_options_reach_their_stages():
    given = settings("--physics", "auto", "--physics-pose", "input", "--trajectory", "always")
    assert (given.physics.mode, given.physics.pose_from) == ("auto", "input")
    assert given.trajectory.trigger == "always"
    assert settings("--camera-motion", "static").camera.motion == "static"
    assert (settings().physics.mode, settings().trajectory.trigger) == ("never", "carried")


def test_other_words_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        settings("--physics", "on")
    assert "never" in capsys.readouterr().err
    file = tmp_path / "settings.json"
    file.write_text('{"physics": {"mode": "on"}}')
    with pytest.raises(RecoverError) as caught:
        settings("--settings", str(file))
    assert caught.value.code == ErrorCode.BAD_SETTING
