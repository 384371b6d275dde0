import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_backend.body.open_body import OPEN_BODY
from inference_backend.evaluation.evaluate import main
from inference_backend.models.pose_landmarker.location import find_model
from inference_backend.protocol.errors import RecoverError

SAMPLE = Path(__file__).parents[3] / "sample"
FRAMES = 24


@pytest.fixture
def rich_of_the_sample(tmp_path: Path) -> Path:
    """The sample's first frames as a sequence of RICH: its reference is exact, and known to suit the layout."""
    root, name = tmp_path / "RICH é", "Room_011_clapping"
    (root / "resource").mkdir(parents=True)
    (root / "resource" / "gender.json").write_text(json.dumps({"11": "male"}))
    models = root / "models" / "smplx"
    models.mkdir(parents=True)
    shutil.copy(OPEN_BODY, models / "SMPLX_MALE.npz")
    with np.load(SAMPLE / "reference.npz", allow_pickle=False) as file:
        reference = dict(file)
    R = reference["R_cam_to_world"].T
    world_to_camera = np.concatenate([R, -R @ reference["cam_pos_world"][:, None]], axis=1)
    calibration = root / "scan_calibration" / "Room" / "calibration"
    calibration.mkdir(parents=True)
    blocks = {"CameraMatrix": world_to_camera, "Intrinsics": reference["K"], "Distortion": reference["dist"]}
    text = "".join(f"<{tag}><data>{' '.join(map(str, np.ravel(v)))}</data></{tag}>" for tag, v in blocks.items())
    (calibration / "000.xml").write_text(f"<opencv_storage>{text}</opencv_storage>")
    (calibration / "001.xml").write_text(f"<opencv_storage>{text}</opencv_storage>")
    video = cv2.VideoCapture(str(SAMPLE / "sample.mp4"))
    for camera in ("cam_00", "cam_01"):
        (root / "images" / "test" / name / camera).mkdir(parents=True)
    for i in range(FRAMES):
        ok, picture = video.read()
        assert ok
        for camera, shown in (("cam_00", picture), ("cam_01", np.full_like(picture, 90))):
            data = cv2.imencode(".jpg", shown)[1]
            (root / "images" / "test" / name / camera / f"{i:05d}_{camera[-2:]}.jpeg").write_bytes(data.tobytes())
        body = {key: reference[key][i : i + 1] for key in ("global_orient", "body_pose", "transl")}
        folder = root / "bodies" / "test" / name / f"{i:05d}"
        folder.mkdir(parents=True)
        (folder / "011.pkl").write_bytes(pickle.dumps({**body, "betas": reference["betas"][None]}, 4))
    return root


def test_a_data_set_is_recovered_and_scored(rich_of_the_sample: Path, tmp_path: Path, capsys):
    try:
        find_model()
    except RecoverError:
        pytest.skip("the pose model is not built")
    root = rich_of_the_sample
    arguments = ["--dataset", "rich", "--root", str(root), "--body-models", str(root / "models"), "--out"]
    assert main([*arguments, str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    seen, all_of_them = scores["scores"]["Room_011_clapping_cam_00_011"], scores["scores"]["all"]
    assert scores["protocol"] == "moro"
    assert seen == all_of_them  # the empty room has nobody to score
    assert 5 < seen["PA-MPJPE"] < 80
    assert seen["PA-MPJPE"] < seen["MPJPE"] < 150
    assert "cam_01" in told.err
    assert "| all |" in told.out


def test_what_is_wrong_with_the_folder_is_told(tmp_path: Path, capsys):
    assert main(["--dataset", "emdb", "--root", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "P0 to P9" in capsys.readouterr().err


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path, capsys):
    given = ["--dataset", "3dpw-occ", "--root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*given, "--sequences", str(tmp_path / "none.txt")]) == 1
    assert "none.txt" in capsys.readouterr().err
