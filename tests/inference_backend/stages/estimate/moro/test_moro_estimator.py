"""The MoRo estimator on tracks, with small random networks: every path runs, and what is missing is named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.config import BackboneConfig, MoroConfig, TokenizerConfig
from inference_backend.models.moro.files.checkpoint import save_network
from inference_backend.models.moro.files.statistics_file import bundled_statistics
from inference_backend.models.moro.network import Moro
from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.protocol.errors import Cancelled, ErrorCode, RecoverError
from inference_backend.records.camera import Camera
from inference_backend.records.context import StageContext
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Video
from inference_backend.stages.estimate.moro.crops import crop_boxes, nearest_frames, person_crops
from inference_backend.stages.estimate.moro.settings import MoroSettings
from inference_backend.stages.estimate.moro.weights import load_moro, weights_checksum
from inference_backend.stages.estimate.registry import find_estimator

SIZE = (320, 240)
K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])


@pytest.fixture(scope="module")
def body():
    return Body.load(None)


@pytest.fixture(scope="module")
def connections(body):
    return build_connections(body.v_template.numpy(), body.faces.numpy(), (400, 90, 20))


def write_network(path, connections, body_sha256, backbone=None, change=lambda _model: None):
    torch.manual_seed(0)
    config = MoroConfig(
        name="small",
        body_name="SMPLX_OPEN",
        tokenizer=TokenizerConfig(connections.points, (3, 8, 16, 6), connections.slots, codes=64),
        backbone=backbone,
        evidence_tokens=12 if backbone else 33,
        evidence_channels=24 if backbone else 7,
        width=32,
        heads=4,
        motion_depth=1,
        image_depth=1,
        decoder_depth=2,
        clip_frames=40,
        overlap_frames=10,
    )
    model = Moro(config)
    model.set_connections(connections)
    model.vqvae.reset_parameters()
    model.dst_former.reset_parameters()
    if backbone:
        torch.nn.init.normal_(model.backbone.model.pos_embed, std=0.02)
    # The camera head looks for somebody upright, ahead, of the size of the box.
    model.dst_former.d_traj_regressor.bias.data = torch.tensor([1.0, 0, 0, 0, -1, 0, 0, 0, 4])
    model.tie_token_table()
    model.set_statistics(bundled_statistics())
    change(model)
    save_network(model, path, connections, {"body_sha256": body_sha256})
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory, connections, body):
    return write_network(tmp_path_factory.mktemp("weights dir") / "ö.safetensors", connections, body.sha256)


def video(frames=40, fps=25.0, **more):
    return Video(Path("clip.mp4"), fps, SIZE, np.arange(frames) / fps, np.arange(frames), **more)


def camera(frames=40, dist=0.0):
    return Camera(np.broadcast_to(K, (frames, 3, 3)).copy(), np.array([dist, 0, 0, 0, 0]), ("user",))


def track(frames=40, seen=None, first=0):
    rng = np.random.default_rng(0)
    seen = np.ones(frames, bool) if seen is None else seen
    shape = rng.normal(size=(33, 2)) * (12, 40)
    keypoints = (np.array([160.0, 120]) + shape + rng.normal(size=(frames, 33, 2))).astype(np.float32)
    world = rng.normal(size=(frames, 33, 3)).astype(np.float32) * 0.3
    keypoints[~seen] = np.nan
    world[~seen] = np.nan
    box = np.tile(np.array([130, 40, 190, 200], np.float32), (frames, 1))
    visibility = rng.random((frames, 33)).astype(np.float32) * seen[:, None]
    return PersonTrack(
        3,
        0,
        np.arange(first, first + frames),
        seen,
        box,
        keypoints,
        visibility,
        world,
        np.zeros((frames, 64, 6), np.uint8),
    )


def run(*inputs):
    return find_estimator("moro").load()(*inputs)


def settings(weights, **more):
    return MoroSettings(weights=str(weights), **more)


def check(found, frames):
    for name in ("betas", "global_orient", "body_pose", "transl", "confidence", "depth_sigma"):
        assert np.isfinite(getattr(found, name)).all(), name
    assert found.estimator == "moro"
    assert found.global_orient.shape == (frames, 3, 3)
    assert found.body_pose.shape == (frames, 21, 3, 3)
    assert found.confidence.shape == (frames, 22)
    np.testing.assert_allclose(np.linalg.det(found.body_pose), 1, atol=1e-6)
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


class TestWholeRuns:
    """Evidence in, motion out."""

    def test_landmarks_to_motion(self, weights, body):
        done = []
        ctx = StageContext(progress=lambda share, _frames: done.append(share))
        found = run(video(), track(), camera(), body, settings(weights), ctx)
        check(found, 40)
        assert found.valid.all()
        assert found.person_id == 3
        assert np.isfinite(found.reproj_err).all()
        assert done == sorted(done)
        assert done[-1] == pytest.approx(1.0)
        again = run(video(), track(), camera(), body, settings(weights), StageContext())
        np.testing.assert_array_equal(found.body_pose, again.body_pose)

    def test_long_gaps_are_not_valid(self, weights, body):
        seen = np.ones(120, bool)
        seen[20:110] = False
        found = run(video(120), track(120, seen), camera(120), body, settings(weights), StageContext())
        check(found, 120)
        assert not found.valid[60]
        assert found.valid[5]
        assert np.isnan(found.reproj_err[60])

    @pytest.mark.parametrize("frames", [1, 2])
    def test_very_short_tracks(self, weights, body, frames):
        check(run(video(9), track(frames, first=4), camera(9), body, settings(weights), StageContext()), frames)

    def test_nobody_seen(self, weights, body):
        found = run(video(10), track(10, np.zeros(10, bool)), camera(10), body, settings(weights), StageContext())
        check(found, 10)
        assert not found.valid.any()

    @pytest.mark.parametrize("refined", [False, True])
    def test_landmarks_that_are_no_numbers(self, weights, body, refined):
        person = track()
        person.keypoints[3, 7] = np.nan
        person.keypoints[9] = np.inf
        person.keypoints_world[5, 20, 2] = np.nan
        person.visibility[30:33] = np.nan
        found = run(video(), person, camera(), body, settings(weights, refine=refined), StageContext())
        check(found, 40)
        assert found.valid.all(), "gaps of one frame and of three are bridged"

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_sixteen_bits(self, weights, body, precision):
        check(run(video(), track(6), camera(), body, settings(weights, precision=precision), StageContext()), 6)

    def test_weights_beyond_float16_are_done_in_float32(self, tmp_path, connections, body):
        def large(model):
            model.dst_former.d_transformer.blocks_st[0].mlp_s.fc1.weight.data.mul_(1e6)
            model.dst_former.d_transformer.blocks_st[0].mlp_s.fc2.weight.data.div_(1e6)

        path = write_network(tmp_path / "large.safetensors", connections, body.sha256, change=large)
        half, exact = (
            run(video(), track(6), camera(), body, settings(path, precision=precision), StageContext())
            for precision in ("float16", "float32")
        )
        np.testing.assert_array_equal(half.body_pose, exact.body_pose)
        assert half.valid.all()

    def test_refinement_follows_the_landmarks(self, weights, body):
        plain = run(video(), track(), camera(), body, settings(weights, refine=False), StageContext())
        refined = run(video(), track(), camera(), body, settings(weights, refine=True), StageContext())
        check(refined, 40)
        assert refined.reproj_err.mean() < 0.9 * plain.reproj_err.mean()

    def test_cancel_goes_through(self, weights, body):
        def stop(_share, _frames):
            raise Cancelled

        with pytest.raises(Cancelled):
            run(video(), track(), camera(), body, settings(weights), StageContext(progress=stop))

    def test_pictures_to_motion(self, tmp_path, connections, body):
        backbone = BackboneConfig(crop=32, cut=4, patch=8, padding=1, grid=(4, 3), width=24, depth=1, heads=2)
        path = write_network(tmp_path / "image.safetensors", connections, body.sha256, backbone)
        clip = pictures(tmp_path, 12)
        done = []
        ctx = StageContext(progress=lambda share, _frames: done.append(share), batch_scale=0.3)
        found = run(clip, track(12), camera(12), body, settings(path), ctx)
        check(found, 12)
        assert done == sorted(done)
        assert len(done) > 6, "the backbone reports after each of its smaller batches"


def pictures(folder, frames):
    """An image sequence whose frame i is filled with brightness 10 i."""
    files = []
    for i in range(frames):
        files.append(folder / f"{i:03}.png")
        cv2.imwrite(str(files[-1]), np.full((SIZE[1], SIZE[0], 3), 10 * i, np.uint8))
    return video(frames, images=tuple(files))


def test_crops_are_those_of_the_nearest_frames(tmp_path):
    clip, person = pictures(tmp_path, 12), track(8, first=3)
    clock = clip.time_s[3] + np.arange(9) / 30
    place = nearest_frames(clip, person, clock)
    assert place.tolist() == [0, 1, 2, 2, 3, 4, 5, 6, 7]
    crops = np.stack(list(person_crops(clip, person, camera(12), place, 16)))
    assert crops.shape == (9, 16, 16, 3)
    assert crops[:, 8, 8, 0].tolist() == (10 * (place + 3)).tolist()
    box = crop_boxes(person, camera(12), place)
    np.testing.assert_allclose(box, np.tile([0.0, 0.0, 160 * 1.2 / 300], (9, 1)), atol=1e-6)


def test_a_frame_that_cannot_be_read_repeats_the_one_before(tmp_path, monkeypatch):
    from inference_backend.stages.estimate.moro import crops as module

    clip = pictures(tmp_path, 5)
    read = module.read_frames
    monkeypatch.setattr(module, "read_frames", lambda *a: (pair for pair in read(*a) if pair[0] not in (0, 3)))
    made = list(person_crops(clip, track(5), camera(5), np.arange(5), 8))
    assert [int(crop[4, 4, 0]) for crop in made] == [0, 10, 20, 20, 40]


def test_lens_distortion_is_taken_out(tmp_path):
    clip = pictures(tmp_path, 1)
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[:, 100:104] = 255
    cv2.imwrite(str(clip.images[0]), image)
    straight, bent = (
        next(person_crops(clip, track(1), camera(1, dist), np.zeros(1, int), 192)) for dist in (0.0, -0.4)
    )
    assert not np.array_equal(straight, bent)


def test_no_weights_names_where_to_put_them(tmp_path, body):
    gone = settings(tmp_path / "gone.safetensors")
    with pytest.raises(RecoverError, match=r"gone\.safetensors") as caught:
        find_estimator("moro").weights(gone)
    assert caught.value.code == ErrorCode.MISSING_PART
    assert "moro.weights" in caught.value.remedy
    with pytest.raises(RecoverError) as caught:
        run(video(), track(), camera(), body, gone, StageContext())
    assert caught.value.code == ErrorCode.MISSING_PART


def test_checksum_follows_the_file(tmp_path):
    path = tmp_path / "w"
    path.write_bytes(b"one")
    first = weights_checksum(settings(path))
    path.write_bytes(b"other")
    assert weights_checksum(settings(path)) != first


def test_the_body_must_be_the_one_of_the_weights(tmp_path, connections, body):
    path = write_network(tmp_path / "other.safetensors", connections, "0" * 64)
    with pytest.raises(RecoverError, match="another body") as caught:
        load_moro(settings(path), body, "cpu")
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_released_weights_want_smplx(tmp_path, body, weights):
    from inference_backend.models.moro.files.weights_file import entry, read_weights, write_weights

    file = read_weights(weights)
    entries = [entry(k, v) for k, v in file.tensors.items() if not k.startswith("connections.")]
    write_weights(tmp_path / "released.safetensors", entries, file.config, {})
    with pytest.raises(RecoverError, match="10475") as caught:
        load_moro(settings(tmp_path / "released.safetensors"), body, "cpu")
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_precision_must_be_one_that_there_is(weights, body):
    with pytest.raises(RecoverError, match=r"moro\.precision") as caught:
        run(video(), track(), camera(), body, settings(weights, precision="half"), StageContext())
    assert caught.value.code == ErrorCode.BAD_SETTING


def test_steps_must_be_positive(weights, body):
    with pytest.raises(RecoverError, match=r"moro\.steps") as caught:
        run(video(), track(), camera(), body, settings(weights, steps=0), StageContext())
    assert caught.value.code == ErrorCode.BAD_SETTING
