"""The Rope estimator on tracks, with small random networks: every path runs, and what is missing is named."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.models.rope.camera import weak_camera
from inference_backend.models.rope.config import OPEN, RESEARCH_W32
from inference_backend.models.rope.network import Rope
from inference_backend.models.rope.weights_file import save_rope
from inference_backend.protocol.errors import Cancelled, ErrorCode, RecoverError
from inference_backend.records.camera import Camera
from inference_backend.records.context import StageContext
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Video
from inference_backend.stages.estimate.kinematic.observations import observe
from inference_backend.stages.estimate.registry import find_estimator
from inference_backend.stages.estimate.rope.inference import FramePredictions, crops, proxies, view_of
from inference_backend.stages.estimate.rope.postprocess import one_shape, postprocess
from inference_backend.stages.estimate.rope.settings import RopeSettings
from inference_backend.stages.estimate.rope.weights import BUNDLED

SIZE = (320, 240)
K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
SMALL = replace(OPEN, channels=(8, 12), blocks=1, neck=16, trunk=16, token=16, shape_hidden=32, pose_hidden=32)


@pytest.fixture(scope="module")
def body():
    return Body.load(None)


@pytest.fixture(scope="module")
def weights(tmp_path_factory, body):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights dir") / "ö.safetensors"
    save_rope(Rope(SMALL), path, {"body_sha256": body.sha256, "body_name": body.name})
    return path


def video(frames=40, fps=25.0, **more):
    return Video(Path("clip.mp4"), fps, SIZE, np.arange(frames) / fps, np.arange(frames), **more)


def camera(frames=40, dist=0.0):
    return Camera(np.broadcast_to(K, (frames, 3, 3)).copy(), np.array([dist, 0, 0, 0, 0]), ("user",))


def track(frames=40, seen=None, first=0):
    rng = np.random.default_rng(0)
    seen = np.ones(frames, bool) if seen is None else seen
    shape = rng.normal(size=(33, 2)) * (8, 30)
    keypoints = (np.array([160.0, 120]) + shape + rng.normal(size=(frames, 33, 2))).astype(np.float32)
    world = rng.normal(size=(frames, 33, 3)).astype(np.float32) * 0.3
    keypoints[~seen] = np.nan
    world[~seen] = np.nan
    box = np.tile(np.array([130, 40, 190, 200], np.float32), (frames, 1))
    visibility = rng.random((frames, 33)).astype(np.float32) * seen[:, None]
    mask = np.full((frames, 64, 6), 255, np.uint8)
    return PersonTrack(3, 0, np.arange(first, first + frames), seen, box, keypoints, visibility, world, mask)


def run(*inputs):
    return find_estimator("rope").load()(*inputs)


def settings(weights, **more):
    """Of the network alone, unless something else is said."""
    return RopeSettings(**{"weights": str(weights), "refine": False, **more})


def check(found, frames):
    for name in ("betas", "global_orient", "body_pose", "transl", "confidence", "depth_sigma"):
        assert np.isfinite(getattr(found, name)).all(), name
    assert found.estimator == "rope"
    assert found.global_orient.shape == (frames, 3, 3)
    assert found.body_pose.shape == (frames, 21, 3, 3)
    assert found.confidence.shape == (frames, 22)
    np.testing.assert_allclose(np.linalg.det(found.body_pose), 1, atol=1e-6)
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()
    assert (found.transl[:, 2] > 0).all()


def test_landmarks_and_masks_to_motion(weights, body):
    done = []
    ctx = StageContext(progress=lambda share, _frames: done.append(share), batch_scale=0.2)
    found = run(video(), track(), camera(), body, settings(weights), ctx)
    check(found, 40)
    assert found.valid.all()
    assert found.person_id == 3
    assert np.isfinite(found.reproj_err).all()
    assert (found.confidence > 0).all()
    assert done == sorted(done)
    assert len(done) >= 4, "batches shrink when memory is short"
    again = run(video(), track(), camera(), body, settings(weights), StageContext())
    np.testing.assert_allclose(found.body_pose, again.body_pose, atol=1e-4)


def test_long_gaps_are_bridged_but_not_valid(weights, body):
    seen = np.ones(120, bool)
    seen[20:110] = False
    found = run(video(120), track(120, seen), camera(120), body, settings(weights), StageContext())
    check(found, 120)
    assert not found.valid[60]
    assert found.valid[5]
    assert np.isnan(found.reproj_err[60])
    assert (found.confidence[60] == 0).all()
    assert found.depth_sigma[65] > 2 * found.depth_sigma[5]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_tracks(weights, body, frames):
    check(run(video(9), track(frames, first=4), camera(9), body, settings(weights), StageContext()), frames)


def test_no_frames(weights, body):
    with pytest.raises(RecoverError, match="no frame") as caught:
        run(video(9), track(0), camera(9), body, settings(weights), StageContext())
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_nobody_seen(weights, body):
    found = run(video(10), track(10, np.zeros(10, bool)), camera(10), body, settings(weights), StageContext())
    check(found, 10)
    assert not found.valid.any()
    assert (found.confidence == 0).all()


def test_bad_numbers_in_the_evidence(weights, body):
    person = track(12)
    person.keypoints[3, 5] = np.inf
    person.visibility[4, 2] = np.nan
    person.keypoints_world[5] = 1e30
    person.box[6] = np.nan
    check(run(video(12), person, camera(12), body, settings(weights), StageContext()), 12)


def test_refinement_follows_the_landmarks(weights, body):
    plain = run(video(), track(), camera(), body, settings(weights), StageContext())
    chosen = settings(weights, refine=True)
    refined = run(video(), track(), camera(), body, chosen, StageContext())
    check(refined, 40)
    assert refined.reproj_err.mean() < 0.9 * plain.reproj_err.mean()


def test_cancel_goes_through(weights, body):
    def stop(_share, _frames):
        raise Cancelled

    with pytest.raises(Cancelled):
        run(video(), track(), camera(), body, settings(weights), StageContext(progress=stop))


def predicted(body, count=60, gap=(), noise=0.0):
    """A person turning on the spot, four metres away, as a perfect network would see them, with noise."""
    rng = np.random.default_rng(0)
    index = np.array([i for i in range(count) if i not in gap])
    angle = torch.from_numpy(0.03 * index)
    rotations = torch.eye(3, dtype=torch.float64).repeat(len(index), 22, 1, 1)
    flip = torch.diag(torch.tensor([1.0, -1, -1], dtype=torch.float64))
    turn = torch.zeros(len(index), 3, 3, dtype=torch.float64)
    turn[:, 0, 0] = turn[:, 2, 2] = angle.cos()
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = angle.sin(), -angle.sin(), 1
    rotations[:, 0] = flip @ turn
    pelvis = torch.tensor([0.1, 0.2, 4.0], dtype=torch.float64).repeat(len(index), 1)
    pelvis[:, 2] *= torch.from_numpy(np.exp(noise * rng.normal(size=len(index))))
    return FramePredictions(
        index, rotations, torch.zeros(len(index), 10).double(), pelvis, torch.full((len(index), 24), 0.9).double()
    )


CLOCK = np.arange(60) / 30


def test_smoothing_keeps_motion_and_removes_jitter(body):
    seen = predicted(body, noise=0.02)
    raw, smooth = (postprocess(seen, CLOCK, body, seconds) for seconds in (0.0, 0.3))
    torch.testing.assert_close(raw.pelvis, seen.pelvis)
    jitter = [x.pelvis[:, 2].diff(n=2).abs().mean() for x in (raw, smooth)]
    assert jitter[1] < 0.3 * jitter[0]
    torch.testing.assert_close(smooth.rotations, seen.rotations, atol=2e-3, rtol=0)


def test_gaps_are_bridged_along_the_shortest_way(body):
    full, holed = predicted(body), predicted(body, gap=range(20, 40))
    found = postprocess(holed, CLOCK, body, 0.0)
    torch.testing.assert_close(found.rotations, full.rotations, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.pelvis, full.pelvis)
    assert (found.visibility[20:40] == 0).all()
    assert found.depth_sigma[30] > found.depth_sigma[5]


def test_frames_that_are_not_finite_count_as_not_seen(body):
    seen = predicted(body)
    seen.pelvis[10] = torch.nan
    found = postprocess(seen, CLOCK, body, 0.3)
    assert found.pelvis.isfinite().all()
    assert (found.visibility[10] == 0).all()


def test_one_shape_is_that_of_the_well_seen_frames(body):
    betas, visibility = torch.zeros(9, 10), torch.full((9, 24), 0.9)
    betas[:4], visibility[:4] = 3.0, 0.2
    betas[8] = -2.0
    assert (one_shape(betas, visibility) == 0).all()


def test_another_stature_at_another_distance_looks_the_same(body):
    """Frames that disagree about the body's size are brought to one size, each at the distance where it fits."""
    seen = predicted(body)
    tall = torch.zeros(10)
    tall[0] = 2.0
    for _ in range(2):
        if body.rest_joints(tall)[15, 1] > body.rest_joints(torch.zeros(10))[15, 1]:
            break
        tall = -tall
    seen.betas[::3] = tall.double()
    found = postprocess(seen, CLOCK, body, 0.0)
    assert (found.betas == 0).all()
    assert (found.pelvis[::3, 2] < 3.97).all()
    torch.testing.assert_close(found.pelvis[1::3], seen.pelvis[1::3])
    ray = found.pelvis[:, :2] / found.pelvis[:, 2:]
    torch.testing.assert_close(ray, (seen.pelvis[:, :2] / seen.pelvis[:, 2:]))


def test_proxies_show_the_person_where_they_are(body):
    """The mask fills the person's box; landmarks and mask lie on one another, with lens distortion taken out."""
    for dist in (0.0, -0.3):
        clip, eye = video(8), camera(8, dist)
        person = replace(track(8), box=np.tile(np.array([140, 90, 180, 150], np.float32), (8, 1)))
        observed = observe(clip, person, eye)
        view = view_of(clip, person, eye, observed)
        images = proxies(person, eye, observed, view, slice(0, 3))
        assert images.shape[0] == 3
        step = view.box[0, 2] / 64
        area = (40 / step) * (60 / step)
        assert images[0, -1].sum() == pytest.approx(area.item(), rel=0.12)
        rows, columns = np.nonzero(images[0, -1].numpy() > 0.5)
        middle = (np.array([columns.mean(), rows.mean()]) + 0.5 - [24, 32]) * step.item() + view.box[0, :2].numpy()
        np.testing.assert_allclose(middle, [160, 120], atol=2)


def test_crops_of_pictures(tmp_path):
    files = []
    for i in range(6):
        files.append(tmp_path / f"{i:03}.png")
        image = np.full((SIZE[1], SIZE[0], 3), 40 * i, np.uint8)
        image[118:123, 158:163] = 255
        cv2.imwrite(str(files[-1]), image)
    clip, person, eye = video(6, images=tuple(files)), track(6), camera(6)
    view = view_of(clip, person, eye, observe(clip, person, eye))
    made = list(crops(clip, person, eye, view, (64, 48)))
    assert len(made) == len(view.index)
    assert made[0].shape == (3, 64, 48)
    shades = [round(float(crop[0, 2, 2]) * 255 / 40) for crop in made]
    assert shades == view.place.tolist()
    row, column = divmod(int(made[0][0].argmax()), 48)
    at = (torch.tensor([column + 0.5, row + 0.5]) - torch.tensor([24, 32])) * view.box[0, 2] / 64 + view.box[0, :2]
    np.testing.assert_allclose(at, [160.5, 120.5], atol=4)


def test_pictures_to_motion(tmp_path, body):
    pytest.importorskip("timm", reason="the optional package timm is not installed")
    path = tmp_path / "rgb.safetensors"
    torch.manual_seed(0)
    save_rope(Rope(RESEARCH_W32), path, {"body_sha256": body.sha256})
    files = tuple(tmp_path / f"{i}.png" for i in range(3))
    for file in files:
        cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8))
    check(run(video(3, images=files), track(3), camera(3), body, settings(path), StageContext()), 3)


def test_lift_is_used_with_the_clips_own_intrinsics(weights, body):
    """The untrained network says s = 0.9 and no offset: the pelvis lies at the box's centre, at the depth that makes
    the box 2 / 0.9 metres."""
    clip, person, eye = video(), track(), camera()
    found = run(clip, person, eye, body, settings(weights, smoothing_s=0.0), StageContext())
    rest = body.rest_joints(torch.from_numpy(found.betas).float())[0].numpy()
    view = view_of(clip, person, eye, observe(clip, person, eye))
    said = weak_camera(torch.from_numpy(found.transl + rest)[:1], view.box[:1].double(), torch.from_numpy(K))
    np.testing.assert_allclose(said, [[0.9, 0, 0]], atol=0.08)


def test_no_weights_names_where_to_put_them(tmp_path, body):
    gone = settings(tmp_path / "gone.safetensors")
    with pytest.raises(RecoverError, match=r"gone\.safetensors") as caught:
        find_estimator("rope").weights(gone)
    assert caught.value.code == ErrorCode.MISSING_PART
    assert BUNDLED.name in caught.value.remedy
    with pytest.raises(RecoverError) as caught:
        run(video(), track(), camera(), body, gone, StageContext())
    assert caught.value.code == ErrorCode.MISSING_PART


def test_checksum_follows_the_file(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"one")
    first = find_estimator("rope").weights(settings(path))
    path.write_bytes(b"other")
    assert find_estimator("rope").weights(settings(path)) != first


def test_the_body_must_be_the_one_of_the_weights(tmp_path, body):
    path = tmp_path / "other.safetensors"
    save_rope(Rope(SMALL), path, {"body_sha256": "0" * 64, "body_name": "SOMEBODY"})
    assert find_estimator("rope").trained_body(settings(path)).name == "SOMEBODY"
    with pytest.raises(RecoverError, match="SOMEBODY") as caught:
        run(video(), track(), camera(), body, settings(path), StageContext())
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_smoothing_must_make_sense(weights, body):
    for seconds in (-1.0, 10.0, float("nan")):
        with pytest.raises(RecoverError, match=r"rope\.smoothing_s") as caught:
            run(video(), track(), camera(), body, settings(weights, smoothing_s=seconds), StageContext())
        assert caught.value.code == ErrorCode.BAD_SETTING
