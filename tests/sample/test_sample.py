"""The sample's video and reference belong together, agree with the body, and are what the README promises."""

import hashlib
import importlib
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.body.open_body import OPEN_BODY

HERE = Path(__file__).resolve().parent
KNEES_ANKLES = [4, 5, 7, 8]


@pytest.fixture(scope="module")
def reference():
    with np.load(HERE / "reference.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def frames():
    with av.open(HERE / "sample.mp4") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def scripts():
    """The scripts that made the sample, as far as they need no Blender."""
    sys.path.insert(0, str(HERE))
    yield {name: importlib.import_module(name) for name in ("figure", "placing", "dressing")}
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def same_body(reference):
    if hashlib.sha256(OPEN_BODY.read_bytes()).hexdigest() != str(reference["body_sha256"]):
        pytest.skip("the sample was rendered with an earlier body; its reference is exact for that one")


def test_video_is_small_and_as_described(reference, frames):
    assert (HERE / "sample.mp4").stat().st_size < 3_000_000
    assert (HERE / "motion.npz").stat().st_size < 300_000
    with av.open(HERE / "sample.mp4") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == tuple(reference["size_wh"])
        assert float(stream.average_rate) == reference["fps"] == 30
        assert not container.streams.audio
    assert len(frames) == len(reference["time_s"])
    assert 6 <= len(frames) / reference["fps"] <= 10


def test_reference_has_every_array(reference):
    count = len(reference["time_s"])
    shapes = {
        "K": (3, 3), "dist": (5,), "R_cam_to_world": (3, 3), "cam_pos_world": (3,), "betas": (10,),
        "global_orient": (count, 3), "body_pose": (count, 21, 3), "transl": (count, 3),
        "joints_world": (count, 22, 3), "joints_camera": (count, 22, 3), "joints_2d": (count, 22, 2),
        "visible": (count, 22), "contact": (count, 4),
    }  # fmt: skip
    assert {key: reference[key].shape for key in shapes} == shapes
    np.testing.assert_allclose(np.diff(reference["time_s"]), 1 / reference["fps"])


def test_camera_and_projection_agree(reference):
    R, p, K = reference["R_cam_to_world"], reference["cam_pos_world"], reference["K"]
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0
    np.testing.assert_allclose(reference["joints_camera"] @ R.T + p, reference["joints_world"], atol=1e-9)
    pixels = reference["joints_camera"] @ K.T
    np.testing.assert_allclose(pixels[..., :2] / pixels[..., 2:], reference["joints_2d"], atol=1e-6)
    assert R[1, 1] < 0  # the camera's y points down
    assert 5 < np.degrees(np.arcsin(-R[1, 2])) < 12  # it looks down a little
    inside = (reference["joints_2d"] > 0) & (reference["joints_2d"] < reference["size_wh"])
    assert inside.all()


def test_furniture_hides_the_legs_for_a_while(reference):
    hidden = (~reference["visible"][:, KNEES_ANKLES]).all(1).sum() / reference["fps"]
    assert 0.5 < hidden < 3
    assert (~reference["visible"][:, KNEES_ANKLES]).any(1).sum() / reference["fps"] > 1
    assert reference["visible"][:, [12, 15, 16, 17]].all()


def test_resting_feet_stand_still(reference):
    """Ankles and toe joints hardly move while heel and toe both rest."""
    for side, joints in enumerate(((7, 10), (8, 11))):
        rests = reference["contact"][:, 2 * side : 2 * side + 2].all(1)
        still = rests[1:] & rests[:-1]
        assert still.sum() > 60
        speed = np.linalg.norm(np.diff(reference["joints_world"][:, joints], axis=0), axis=-1) * reference["fps"]
        assert speed[still].max() < 0.05


def test_the_person_is_where_the_reference_says(reference, frames):
    """Half way from chest to neck lies the blue-green shirt, in every frame in which no arm crosses it."""
    middle = reference["joints_2d"][:, [9, 12]].mean(1)
    hits = 0
    for frame, (x, y) in zip(frames[45:], middle[45:], strict=True):
        red, green, blue = frame[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].reshape(-1, 3).mean(0)
        hits += blue > red + 25 and green > red
    assert hits == len(frames) - 45


def test_joints_are_those_of_the_body(reference, same_body):
    body = Body.load(dtype=torch.float64)
    joints, _ = body.skeleton(
        torch.from_numpy(reference["betas"]),
        roma.rotvec_to_rotmat(torch.from_numpy(reference["global_orient"])),
        roma.rotvec_to_rotmat(torch.from_numpy(reference["body_pose"])),
        torch.from_numpy(reference["transl"]),
    )
    np.testing.assert_allclose(joints.numpy(), reference["joints_world"], atol=1e-6)


def test_rendered_skin_is_the_bodys_skin(scripts):
    """The script's own skinning gives the vertices of the body class, for any pose."""
    betas, chance = np.linspace(-1.5, 1.5, 10), np.random.default_rng(7)
    figure = scripts["figure"].Figure.load(OPEN_BODY, betas)
    local = scripts["figure"].matrices(chance.normal(0, 0.4, (1, 55, 3)))
    local[:, 22:25] = np.eye(3)
    transl = chance.normal(0, 1, (1, 3))
    rotation, position = figure.kinematics(local, transl)
    skinned = figure.skin(figure.vertices, figure.weights, rotation[0], position[0])
    body = Body.load(dtype=torch.float64)
    matrices = torch.from_numpy(local[0])
    posed = body(
        torch.from_numpy(betas),
        matrices[0],
        matrices[1:22],
        torch.from_numpy(transl[0]),
        matrices[25:40],
        matrices[40:],
    )
    np.testing.assert_allclose(skinned, posed.vertices.numpy(), atol=1e-5)
    np.testing.assert_allclose(position[0], posed.joints.numpy(), atol=1e-5)


def test_placing_gives_the_reference(reference, scripts, same_body):
    """The committed motion, placed on the body again, is the reference; its feet stay above the floor."""
    figure = scripts["figure"].Figure.load(OPEN_BODY, reference["betas"])
    with np.load(HERE / "motion.npz", allow_pickle=False) as motion:
        placed = scripts["placing"].place(
            figure, motion["rotvec"], motion["hips"], float(motion["leg_m"]), np.radians(131.0), (0.1, 0.05)
        )
    rotation, position = figure.kinematics(placed.local, placed.transl)
    np.testing.assert_allclose(position[:, :22], reference["joints_world"], atol=1e-6)
    np.testing.assert_array_equal(placed.contact, reference["contact"])
    feet = figure.weights[:, [7, 8, 10, 11]].sum(1) > 0.6
    for frame in range(0, len(rotation), 7):
        skinned = figure.skin(figure.vertices[feet], figure.weights[feet], rotation[frame], position[frame])
        assert skinned[:, 1].min() > -0.005
