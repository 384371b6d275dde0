"""The sample, filmed off its own picture by a camera that pans, zooms and shakes: what comes out is the still one's."""

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from inference_backend.pipeline.cache import StageCache
from inference_backend.protocol import messages as m
from inference_backend.protocol.result_format import load_result
from inference_backend.records.video import Video
from inference_backend.service.run_job import run_job
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.frames.read import read_frames
from tests.inference_backend.stages.turning_camera import errors, pinhole, shake, turns

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "tests" / "sample" / "sample.mp4"
SIZE, FOCAL, COUNT = (640, 360), 800.0, 54


@pytest.fixture(scope="module")
def pictures():
    """Two seconds of the sample, and its true K: it stands still, so all views from there can be made."""
    video: Video = probe(SAMPLE, 1.6, 1.6 + COUNT / 30)
    with np.load(SAMPLE.with_name("reference.npz")) as reference:
        return [picture for _, picture in read_frames(video)], reference["K"]


def filmed(path, pictures, turn, focal):
    """Write what a camera in the sample's place sees, whose axes `turn [T,3,3]` leads into the sample's."""
    frames, K = pictures
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's pixel (0, 0) is the middle of the first
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for picture, R, f in zip(frames, turn, np.broadcast_to(focal, len(frames)), strict=False):
            homography = np.linalg.inv(half) @ pinhole(f, SIZE) @ R.T @ np.linalg.inv(K) @ half
            seen = cv2.warpPerspective(picture, homography, SIZE, flags=cv2.INTER_AREA)
            for packet in stream.encode(av.VideoFrame.from_ndarray(seen, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def recovered(video, folder, **camera):
    said = []
    settings = {"camera": camera, "shots": {"detect": False}}
    job = m.Submit("a", str(video), str(folder / video.stem), device="cpu", settings=settings)
    last = run_job(job, StageCache(folder / "cache"), threading.Event(), said.append, None)
    assert isinstance(last, m.Result), last
    stages = [x.stage for x in said if isinstance(x, m.Progress) and not x.reused]
    return load_result(Path(last.result)), list(dict.fromkeys(stages))


@pytest.fixture(scope="module")
def still(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("still")
    filmed(folder / "still.mp4", pictures, np.tile(np.eye(3), (COUNT, 1, 1)), FOCAL)
    return folder, recovered(folder / "still.mp4", folder, focal_px=FOCAL)[0]


def test_a_still_camera_gives_what_it_gives_unasked(still):
    folder, result = still
    assert result.camera_motion == ("still",)
    unasked, _ = recovered(folder / "still.mp4", folder, focal_px=FOCAL, motion="static")
    np.testing.assert_array_equal(result.K, unasked.K)
    np.testing.assert_array_equal(result.R_cam_to_world, unasked.R_cam_to_world)
    for name in ("transl", "global_orient", "body_pose"):
        np.testing.assert_array_equal(getattr(result.people[0].motion, name), getattr(unasked.people[0].motion, name))
    assert np.ptp(result.R_cam_to_world, axis=0).max() == 0


def test_a_camera_that_pans_zooms_and_shakes(still, pictures, tmp_path):
    sway = 4 * np.sin(np.linspace(0, np.pi, COUNT))
    turn = turns(shake(COUNT, 0.35) + sway[:, None] * [0.1, 1, 0])
    focal = FOCAL * (1 + 0.15 * np.linspace(0, 1, COUNT) ** 2)
    filmed(tmp_path / "turning.mp4", pictures, turn, focal)
    result, stages = recovered(tmp_path / "turning.mp4", tmp_path, focal_px=FOCAL)
    assert result.camera_motion == ("turning",)
    assert errors(result.R_cam_to_world[0].T @ result.R_cam_to_world, turn[0].T @ turn).max() < 0.3
    np.testing.assert_allclose(result.K[:, 0, 0], focal, rtol=0.02)
    assert np.ptp(result.cam_pos_world, axis=0).max() == 0
    expected = still[1].people[0]
    (person,) = result.people
    both = person.valid & expected.valid
    assert both.mean() > 0.95
    a, b = (one.motion.joints_world[both] for one in (expected, person))
    # The world's heading is that of the first frame, which looks elsewhere.
    heading = np.array([one.motion.joints_world[both][:, 0] for one in (expected, person)])
    flat = (heading - heading.mean(1, keepdims=True))[..., [0, 2]]
    u, _, vt = np.linalg.svd(flat[1].T @ flat[0])
    yaw = u @ np.diag([1, np.linalg.det(u @ vt)]) @ vt
    path = np.linalg.norm(flat[1] @ yaw - flat[0], axis=1)
    assert path.mean() < 0.05
    assert abs(b[..., 1].mean() - a[..., 1].mean()) < 0.03
    # The body is seen where it is: through the moving camera its joints lie in the person's box.
    x = np.einsum("tij,tkj->tki", result.K[both], person.joints_camera[both])
    pixels = x[..., :2] / x[..., 2:]
    low, high = person.box[both][:, None, :2], person.box[both][:, None, 2:]
    assert ((pixels > low) & (pixels < high)).all(axis=2).mean() > 0.9
    # Another lens needs no picture again: the background is kept.
    _, stages = recovered(tmp_path / "turning.mp4", tmp_path, focal_px=1.1 * FOCAL)
    assert stages[0] == "camera"
