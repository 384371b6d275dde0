"""The chain of both networks, with small random ones: what passes between them, and what happens without one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.config import MoroConfig, TokenizerConfig
from inference_backend.models.moro.files.checkpoint import save_network
from inference_backend.models.moro.files.statistics_file import bundled_statistics
from inference_backend.models.moro.network import Moro
from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.models.rope.config import OPEN
from inference_backend.models.rope.network import Rope
from inference_backend.models.rope.parts import PART_JOINTS, vertex_labels
from inference_backend.models.rope.weights_file import save_rope
from inference_backend.pipeline.settings import RecoverSettings
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.camera import Camera
from inference_backend.records.context import StageContext
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Video
from inference_backend.stages.estimate.moro.settings import MoroSettings
from inference_backend.stages.estimate.registry import find_estimator
from inference_backend.stages.estimate.rope.settings import RopeSettings
from inference_backend.stages.estimate.rope_moro import estimate as module
from inference_backend.stages.estimate.rope_moro.coarse_path import mean_path
from inference_backend.stages.estimate.rope_moro.seeds import seed_tokens, token_influence
from inference_backend.stages.estimate.rope_moro.settings import LinkSettings, RopeMoroSettings

K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
FRAMES = 30


@pytest.fixture(scope="module")
def body():
    return Body.load()


@pytest.fixture(scope="module")
def moro(body):
    connections = build_connections(body.v_template.numpy(), body.faces.numpy(), (400, 90, 20))
    torch.manual_seed(0)
    config = MoroConfig(
        "small", "SMPLX_OPEN", TokenizerConfig(connections.points, (3, 8, 16, 6), connections.slots, codes=64),
        None, 33, 7, 32, 4, motion_depth=1, image_depth=1, decoder_depth=2, clip_frames=20, overlap_frames=6,
    )  # fmt: skip
    model = Moro(config)
    model.set_connections(connections)
    model.vqvae.reset_parameters()
    model.dst_former.reset_parameters()
    model.dst_former.d_traj_regressor.bias.data = torch.tensor([1.0, 0, 0, 0, -1, 0, 0, 0, 4])
    model.tie_token_table()
    model.set_statistics(bundled_statistics())
    return model.eval(), connections


@pytest.fixture(scope="module")
def files(tmp_path_factory, body, moro):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    small = replace(OPEN, channels=(8, 12), blocks=1, neck=16, trunk=16, token=16, shape_hidden=32, pose_hidden=32)
    save_rope(Rope(small), folder / "rope.safetensors", {"body_sha256": body.sha256, "body_name": body.name})
    save_network(*moro[:1], folder / "moro.safetensors", moro[1], {"body_sha256": body.sha256})
    return folder


def chosen(files, **links):
    rope, moro = (str(files / f"{name}.safetensors") for name in ("rope", "moro"))
    return RopeMoroSettings(RopeSettings(weights=rope), MoroSettings(weights=moro), LinkSettings(**links))


def inputs(body, seen=None):
    rng = np.random.default_rng(0)
    seen = np.ones(FRAMES, bool) if seen is None else seen
    keypoints = (np.array([160.0, 120]) + rng.normal(size=(33, 2)) * (8, 30) + rng.normal(size=(FRAMES, 33, 2))).astype(
        np.float32
    )
    world = rng.normal(size=(FRAMES, 33, 3)).astype(np.float32) * 0.3
    keypoints[~seen] = np.nan
    world[~seen] = np.nan
    box = np.tile(np.array([130, 40, 190, 200], np.float32), (FRAMES, 1))
    visibility = rng.random((FRAMES, 33)).astype(np.float32) * seen[:, None]
    mask = np.full((FRAMES, 64, 6), 255, np.uint8)
    track = PersonTrack(1, 0, np.arange(FRAMES), seen, box, keypoints, visibility, world, mask)
    video = Video(Path("clip.mp4"), 30.0, (320, 240), np.arange(FRAMES) / 30, np.arange(FRAMES))
    camera = Camera(np.broadcast_to(K, (FRAMES, 3, 3)).copy(), np.zeros(5), ("user",))
    return video, track, camera, body


def run(arguments, settings, ctx=None):
    return find_estimator("rope+moro").load()(*arguments, settings, ctx or StageContext())


def check(found):
    for name in ("betas", "global_orient", "body_pose", "transl", "confidence", "depth_sigma"):
        assert np.isfinite(getattr(found, name)).all(), name
    assert found.body_pose.shape == (FRAMES, 21, 3, 3)


class TestWithFitter:
    """Whole runs; they need the package smplfitter."""

    @pytest.fixture(autouse=True)
    def fitter(self):
        pytest.importorskip("smplfitter.pt", reason="the package smplfitter is not installed")

    def test_both_run(self, files, body):
        done = []
        ctx = StageContext(progress=lambda share, _frames: done.append(share))
        found = run(inputs(body), chosen(files), ctx)
        check(found)
        assert found.estimator == "rope+moro"
        assert done == sorted(done)
        assert done[-1] == pytest.approx(1.0)

    @pytest.mark.parametrize("link", ["coarse_trajectory", "seed_tokens", "visibility"])
    def test_each_link_makes_a_difference_and_can_be_left_out(self, files, body, link):
        # So that untrained networks pass something on.
        eager = {"seed_visibility": 0.1, "seed_reprojection": 10.0}
        off = {"coarse_trajectory": False, "seed_tokens": False, "visibility": False, **eager}
        alone = run(inputs(body), chosen(files, **off))
        linked = run(inputs(body), chosen(files, **{**off, link: True}))
        check(linked)
        name = "confidence" if link == "visibility" else "body_pose"
        assert not np.array_equal(getattr(linked, name), getattr(alone, name))
        plain = find_estimator("moro").load()(*inputs(body), chosen(files).moro, StageContext())
        np.testing.assert_array_equal(alone.body_pose, plain.body_pose)
        np.testing.assert_array_equal(alone.transl, plain.transl)

    def test_nobody_seen(self, files, body):
        found = run(inputs(body, np.zeros(FRAMES, bool)), chosen(files))
        check(found)
        assert not found.valid.any()
        assert (found.confidence == 0).all()

    def test_moro_alone(self, files, body, monkeypatch, tmp_path):
        monkeypatch.setattr(module.rope_weights, "BUNDLED", tmp_path / "rope.safetensors")
        notes = []
        settings = replace(chosen(files), rope=RopeSettings())
        found = run(inputs(body), settings, StageContext(note=notes.append))
        check(found)
        assert found.estimator == "moro"
        assert "Rope has no weights" in notes[0]
        estimator = find_estimator("rope+moro")
        assert estimator.trained_body(settings).sha256 == body.sha256
        assert estimator.weights(settings) != estimator.weights(chosen(files))


def test_rope_alone(files, body, monkeypatch, tmp_path):
    monkeypatch.setattr(module.moro_weights, "BUNDLED", tmp_path / "moro.safetensors")
    notes = []
    found = run(inputs(body), replace(chosen(files), moro=MoroSettings()), StageContext(note=notes.append))
    check(found)
    assert found.estimator == "rope"
    assert "MoRo has no weights" in notes[0]


def test_neither(files, body, monkeypatch, tmp_path):
    for weights in (module.rope_weights, module.moro_weights):
        monkeypatch.setattr(weights, "BUNDLED", tmp_path / "none.safetensors")
    estimator, settings = find_estimator("rope+moro"), RopeMoroSettings()
    for ask in (estimator.weights, estimator.trained_body, lambda s: run(inputs(body), s)):
        with pytest.raises(RecoverError, match="neither") as caught:
            ask(settings)
        assert caught.value.code == ErrorCode.MISSING_PART


def test_a_file_that_is_named_but_absent_is_no_fallback(files, tmp_path):
    settings = replace(chosen(files), rope=RopeSettings(weights=str(tmp_path / "gone.safetensors")))
    with pytest.raises(RecoverError, match=r"gone\.safetensors"):
        find_estimator("rope+moro").weights(settings)


def test_weights_for_different_bodies_are_refused(files, tmp_path, moro):
    save_network(moro[0], tmp_path / "moro.safetensors", moro[1], {"body_sha256": "0" * 64})
    settings = replace(chosen(files), moro=MoroSettings(weights=str(tmp_path / "moro.safetensors")))
    with pytest.raises(RecoverError) as caught:
        find_estimator("rope+moro").trained_body(settings)
    assert caught.value.code == ErrorCode.WRONG_BODY


def test_settings_of_both_estimators_are_those_of_the_job():
    settings = RecoverSettings.from_json(
        {"rope": {"smoothing_s": 0.1}, "moro": {"steps": 3}, "links": {"seed_tokens": False}}
    )
    assert settings.rope_moro.rope.smoothing_s == 0.1
    assert settings.rope_moro.moro.steps == 3
    assert not settings.rope_moro.links.seed_tokens
    assert RecoverSettings.from_json(settings.to_json()) == settings


def test_influence_is_where_the_mesh_moves(moro, body):
    """A token's vertices on the mesh's coarsest level are where it acts: its parts are few, and near one another."""
    model, _ = moro
    labels = vertex_labels(body)[torch.from_numpy(model.vertex_ids)]
    shaped = token_influence(model, labels)
    assert shaped.shape == (20, 24)
    assert shaped.any(1).all()
    assert shaped.float().mean() < 0.5, "no token shapes half the body"
    torch.manual_seed(1)
    ids = torch.randint(0, 64, (1, 20))
    changed = ids.clone()
    changed[0, 3] = (ids[0, 3] + 7) % 64
    moved = (model.vqvae.decode(changed) - model.vqvae.decode(ids)).norm(dim=-1)[0]
    by_part = torch.stack(
        [moved[labels == p].mean() if (labels == p).any() else moved.new_zeros(()) for p in range(24)]
    )
    assert shaped[3, by_part.argmax()]


def influence(moro, body):
    return token_influence(moro[0], vertex_labels(body)[torch.from_numpy(moro[0].vertex_ids)])


def seeds(moro, body, visibility, reprojection, frames=6):
    generator = torch.Generator().manual_seed(0)
    rotations = roma.rotvec_to_rotmat(0.3 * torch.randn(frames, 22, 3, generator=generator)).double()
    pose = (torch.zeros(10).double(), rotations)
    found = seed_tokens(
        moro[0], influence(moro, body), moro[0].vertex_ids, body, *pose, visibility, reprojection, LinkSettings()
    )
    return rotations, found


def test_seeds_are_the_poses_own_tokens_whatever_way_it_faces(moro, body):
    model = moro[0]
    rotations, (ids, scores) = seeds(moro, body, np.ones((6, 22)), np.zeros(6))
    assert (ids != model.config.mask_id).all()
    assert (scores == 1).all()
    flat = torch.eye(3).expand(6, 3, 3)
    at = -body.rest_joints(torch.zeros(10))[0].expand(6, 3)
    mesh = body(torch.zeros(6, 10), flat, rotations[:, 1:].float(), at).vertices[:, model.vertex_ids]
    assert torch.equal(ids, model.vqvae.encode(mesh))


def test_tokens_of_hidden_parts_are_masked(moro, body):
    model = moro[0]
    visibility = np.ones((6, 22))
    hidden = PART_JOINTS.index("left_knee")
    visibility[:, hidden] = 0.3
    reprojection = np.array([0.01, 0.01, 0.2, np.nan, 0.01, 0.01])
    _, (ids, scores) = seeds(moro, body, visibility, reprojection)
    masked = ids == model.config.mask_id
    assert masked[2:4].all(), "no seeds where Rope misses its own landmarks or saw nobody"
    assert torch.equal(masked[0], influence(moro, body)[:, hidden])
    assert 0 < masked[0].sum() < 20
    assert (scores[masked] == 0).all()


def path(noise, seed=0, depth=4.0, frames=90):
    rng = np.random.default_rng(seed)
    z = depth * np.exp(noise * rng.normal(size=frames))
    return torch.from_numpy(np.stack((0.1 * z, 0.05 * z, z), 1)).float()


def test_mean_path_trusts_the_calmer_one():
    calm, restless = path(0.0), path(0.1, depth=5.0)
    found = mean_path(restless, calm)
    assert (found[:, 2] - 4).abs().mean() < 0.15
    assert (mean_path(calm, restless)[:, 2] - 4).abs().mean() < 0.15
    even = mean_path(path(0.0), path(0.0, depth=5.0))
    torch.testing.assert_close(even[:, 2], torch.full((90,), 20.0**0.5))
    torch.testing.assert_close(even[:, 0] / even[:, 2], torch.full((90,), 0.1))


def test_outliers_and_unknown_frames_have_no_say():
    own, other = path(0.0), path(0.0)
    other[30] = torch.tensor([2.0, 2.0, 9.0])
    other[50:60] = torch.nan
    own[70] = torch.tensor([-1.0, 0.0, 1.5])
    found = mean_path(own, other)
    torch.testing.assert_close(found, path(0.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(mean_path(own, torch.full_like(own, torch.nan)), own)
    assert mean_path(own[:1], other[:1]).shape == (1, 3)
