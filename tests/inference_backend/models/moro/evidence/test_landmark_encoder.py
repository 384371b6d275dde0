"""The landmark encoder inside the open network: what it starts as, what it may not see, and how codes become logits."""

from dataclasses import replace

import pytest
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.config import open_config
from inference_backend.models.moro.evidence.camera import full_camera
from inference_backend.models.moro.evidence.landmark_evidence import GROUPS, LandmarkTokens, landmark_tokens
from inference_backend.models.moro.files.statistics_file import bundled_statistics
from inference_backend.models.moro.files.weights_file import config_from_json, config_to_json
from inference_backend.models.moro.network import Moro
from inference_backend.models.moro.recovery.decoding import decode_tokens
from inference_backend.models.moro.tokenizer.build_connections import build_connections


@pytest.fixture(scope="module")
def model() -> Moro:
    body = Body.load(None)
    connections = build_connections(body.v_template.numpy(), body.faces.numpy(), (64, 24, 10, 6))
    config = open_config(connections.points, connections.slots)
    config = replace(
        config, evidence_tokens=len(GROUPS), evidence_channels=28, evidence_groups=GROUPS, trajectory_in_box=True,
        mean_codes=True, landmark_width=32, landmark_depth=2, width=32, attention_reach=8,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Moro(config)
    model.set_connections(connections)
    model.vqvae.reset_parameters()
    model.dst_former.reset_parameters()
    model.tie_token_table()
    model.dst_former.set_code_prior(model.codebook, 0.5)
    model.set_statistics(bundled_statistics())
    model.set_body(body)
    return model.eval().requires_grad_(False)


def evidence(frames: int, seed: int = 0) -> LandmarkTokens:
    generator = torch.Generator().manual_seed(seed)
    rays = 0.1 * torch.randn(2, frames, 33, 2, generator=generator)
    world = 0.3 * torch.randn(2, frames, 33, 3, generator=generator)
    return landmark_tokens(rays, torch.full((2, frames, 33), 0.8), world, torch.ones(2, frames, dtype=torch.bool))


def test_an_untrained_decoder_says_what_the_landmark_encoder_says(model):
    """Training starts from the first guess instead of from nothing: its placement, and the tokens of its body."""
    seen = evidence(12)
    prediction = model.dst_former.img_landmarks.predict(model.dst_former.landmark_features(seen.tokens, seen.box))
    image = model.dst_former.encode_image(seen.tokens, seen.valid, seen.box)
    found = decode_tokens(model, image, steps=1)
    rotation, translation = full_camera(prediction.weak, seen.box)
    torch.testing.assert_close(found.rotation, rotation)
    torch.testing.assert_close(found.translation, translation)
    body = Body.load(None)
    still = torch.eye(3).expand(2, 12, 3, 3)
    zeros = torch.zeros(2, 12, 3)
    flat = torch.eye(3).expand(2, 12, 15, 3, 3)
    posed = body(prediction.betas[:, None], still, prediction.local, zeros, flat, flat)
    mesh = posed.vertices[:, :, torch.from_numpy(model.vertex_ids)] - posed.joints[:, :, :1]
    assert torch.equal(found.ids, model.vqvae.encode(mesh.flatten(0, 1)).unflatten(0, (2, 12)))


def test_it_starts_with_an_upright_body_that_faces_the_camera(model):
    seen = evidence(4)
    prediction = model.dst_former.img_landmarks.predict(model.dst_former.landmark_features(seen.tokens, seen.box))
    rotation, _ = full_camera(prediction.weak, seen.box)
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    assert ((rotation * upright).sum((-2, -1)) > 2.0).all()  # the trace of the difference: within 60 degrees
    assert ((prediction.local * torch.eye(3)).sum((-2, -1)) > 2.0).all()


def test_decoding_without_repeated_work_agrees(model):
    seen = evidence(12)
    torch.manual_seed(1)
    network = model.dst_former
    for head in (network.d_traj_regressor, network.d_pose_regressor):
        torch.nn.init.normal_(head.weight, std=0.1)
    try:
        image = network.encode_image(seen.tokens, seen.valid, seen.box)
        quick, plain = decode_tokens(model, image), decode_tokens(model, image, reference=True)
    finally:
        for head in (network.d_traj_regressor, network.d_pose_regressor):
            torch.nn.init.zeros_(head.weight)
    assert (quick.ids == plain.ids).float().mean() > 0.99
    torch.testing.assert_close(quick.rotation, plain.rotation, atol=1e-4, rtol=1e-4)


def test_what_is_not_valid_is_not_seen(model):
    seen = evidence(6)
    valid = seen.valid.clone()
    valid[:, :, 25:29] = False
    broken = seen.tokens.clone()
    broken[:, :, 25:29] = 7.0
    first, second = (model.dst_former.encode_image(x, valid, seen.box) for x in (seen.tokens, broken))
    torch.testing.assert_close(first.tokens, second.tokens)
    torch.testing.assert_close(first.guess.codes, second.guess.codes)


def test_frames_know_of_each_other_within_reach(model):
    """A change of one frame reaches those within two layers' reach, and no further."""
    seen = evidence(40)
    other = seen.tokens.clone()
    other[:, 0] += 0.5
    before, after = (model.dst_former.landmark_features(x, seen.box) for x in (seen.tokens, other))
    moved = (after - before).abs().amax((0, 2))
    assert (moved[: 2 * 8 + 1] > 1e-6).all()
    assert (moved[2 * 8 + 1 :] < 1e-6).all()


def test_its_uncertainty_is_in_the_view_and_bounded(model):
    seen = evidence(12)
    uncertainty = model.dst_former.encode_image(seen.tokens, seen.valid, seen.box).uncertainty
    assert uncertainty.bones.shape == (2, 12, 21, 3)
    torch.testing.assert_close(uncertainty.bones.norm(dim=-1), torch.ones(2, 12, 21))
    assert uncertainty.bone_sigma.shape == (2, 12, 21)
    assert uncertainty.landmark_sigma.shape == (2, 12, 33)
    for sigma in (uncertainty.bone_sigma, uncertainty.landmark_sigma):
        assert ((sigma > 1e-3) & (sigma < 10)).all()


def test_a_single_frame_and_an_empty_window_are_fine(model):
    seen = evidence(1)
    assert model.dst_former.encode_image(seen.tokens, seen.valid, seen.box).tokens.isfinite().all()
    nothing = landmark_tokens(
        torch.zeros(1, 5, 33, 2), torch.zeros(1, 5, 33), torch.zeros(1, 5, 33, 3), torch.zeros(1, 5, dtype=torch.bool)
    )
    image = model.dst_former.encode_image(nothing.tokens, nothing.valid, nothing.box)
    assert all(x.isfinite().all() for x in (image.tokens, image.weak, image.guess.codes))


def test_its_size_is_stored_with_the_weights(model):
    assert config_from_json(config_to_json(model.config)) == model.config
