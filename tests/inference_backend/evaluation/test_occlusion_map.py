import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_backend.evaluation import sensitivity as command
from inference_backend.evaluation.occlusion_map import SHAPES, heat_map, occluder, places, sensitivity, slide
from inference_backend.stages.estimate.rope.settings import RopeSettings
from inference_backend.stages.estimate.rope.weights import weights_path


def test_places_of_the_usual_protocol():
    """A patch of 40 over 224 pixels with stride 40: ceil(184 / 40 + 1) = 6 places, the last clipped to the border."""
    assert places(224, 40, 40) == [0, 40, 80, 120, 160, 184]
    assert places(40, 40, 10) == [0]
    assert places(10, 4, 3) == [0, 3, 6]
    with pytest.raises(ValueError, match="cannot slide"):
        places(30, 40, 10)


@pytest.mark.parametrize("side", [11, 20, 40])
def test_occluders_have_equal_areas(side):
    areas = [occluder(shape, side).sum() for shape in SHAPES]
    np.testing.assert_allclose(areas, side**2, rtol=0.08)
    assert occluder("bar", side).shape[0] > 3 * occluder("bar", side).shape[1]
    circle = occluder("circle", side)
    assert (circle == circle[::-1]).all()
    assert (circle == circle.T).all()
    with pytest.raises(ValueError, match="square, circle, bar"):
        occluder("star", side)


def test_every_pixel_is_covered_somewhere():
    covers, (rows, columns) = slide((64, 48), occluder("square", 11), 3)
    assert len(covers) == rows * columns
    assert covers.any(0).all()
    assert (covers.sum((1, 2)) == 121).all()


def one_joint_by_pixel(covers):
    """Joint 1 moves by 0.1 m when the pixel (5, 5) is covered, joint 2 by 0.3 m when (15, 15) is."""
    joints = np.zeros((len(covers), 5, 3))
    joints[:, 3:, 1] = (1, 2)
    joints[:, 1:3, 2] = (1, 3)
    joints[:, 1, 0] = 0.1 * covers[:, 5, 5]
    joints[:, 2, 0] = 0.3 * covers[:, 15, 15]
    return joints


def test_errors_appear_where_the_occluder_lies():
    plain, fitted = sensitivity(one_joint_by_pixel, (20, 20), occluder("square", 4), 4)
    assert plain.shape == fitted.shape == (5, 5, 5)
    assert plain[1, 1].round(6).tolist() == [0, 100, 0, 0, 0]
    assert plain[3, 3].round(6).tolist() == [0, 0, 300, 0, 0]
    assert np.count_nonzero(plain.round(6)) == 2
    assert 0 < fitted[1, 1].mean() < plain[1, 1].mean() + 20
    assert heat_map(plain)[1, 1] == pytest.approx(100)
    assert heat_map(plain, "mean")[1, 1] == pytest.approx(20)


def test_with_truth_the_error_is_measured_from_it():
    truth = one_joint_by_pixel(np.zeros((1, 20, 20), bool))[0] + [0, 0, 5.0]
    truth[4, 0] += 0.05
    plain, _ = sensitivity(one_joint_by_pixel, (20, 20), occluder("square", 4), 4, truth)
    assert plain[0, 0].round(6).tolist() == [0, 0, 0, 0, 50]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["sensitivity", *map(str, arguments)])
    return command.main()


def test_command_draws_a_map(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "a folder" / "map.png"
    assert run(monkeypatch, "--untrained", "--shape", "circle", "--stride", 60, "--out", out) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    with np.load(out.with_suffix(".npz")) as grids:
        assert grids["circle_mpjpe"].shape[2] == 22
        assert np.isfinite(grids["circle_pa"]).all()
    assert '"shape": "circle"' in capsys.readouterr().out


def test_command_compares_weights_on_moving_people(prepared, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    out, bundled = tmp_path / "map.png", weights_path(RopeSettings())
    arguments = ("--weights", bundled, bundled, "--names", "a", "b", "--data", prepared, "--count", 2, "--out", out)
    assert run(monkeypatch, *arguments, "--shape", "square", "--stride", 60) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first.pop("weights"), second.pop("weights")) == ("a", "b")
    assert first == second
    assert 0 < first["clear"] < first["worst_place"]
    assert first["mean"] < first["worst_joint"]
    with np.load(out.with_suffix(".npz")) as grids:
        np.testing.assert_array_equal(grids["a_square_mpjpe"], grids["b_square_mpjpe"])
    assert run(monkeypatch, *arguments[:3], "--names", "a", "--out", out) == 1
    assert "names" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--weights", "gone.safetensors"], ["--untrained", "--patch", "200"]])
def test_command_says_what_is_wrong(tmp_path, monkeypatch, capsys, wrong):
    assert run(monkeypatch, "--out", tmp_path / "map.png", *wrong) == 1
    assert "Error:" in capsys.readouterr().err


def test_command_wants_a_picture_and_a_folder_for_it(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--untrained", "--out", tmp_path / "map.txt")
    assert "map.txt has to be a .png" in capsys.readouterr().err


def test_command_on_a_clip(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    if not list((Path(command.__file__).parents[1] / "models" / "pose_landmarker").glob("*.task")):
        pytest.skip("the pose landmarker is not built")
    sample = cv2.VideoCapture(str(Path(__file__).resolve().parents[2] / "sample" / "sample.mp4"))
    (tmp_path / "clip").mkdir()
    for i in range(8):
        cv2.imwrite(str(tmp_path / "clip" / f"{i:03}.png"), sample.read()[1])
    out, clip = tmp_path / "map.png", tmp_path / "clip"
    options = ("--untrained", "--shape", "bar", "--stride", 80, "--out", out, "--video", clip, "--frame")
    assert run(monkeypatch, *options, 5) == 0
    assert out.is_file()
    assert run(monkeypatch, *options, 70) == 1
