"""The open configuration on the open body: it can be built, trained a step, saved and loaded, and it is small."""

import pytest
import roma
import torch

from inference_backend.body.body import Body
from inference_backend.models.moro.config import OPEN_POINTS, open_config
from inference_backend.models.moro.evidence.landmark_evidence import CHANNELS, landmark_tokens
from inference_backend.models.moro.files.checkpoint import load_network, save_network
from inference_backend.models.moro.files.statistics_file import bundled_statistics
from inference_backend.models.moro.motion.trajectory import canonical_trajectory, integrate
from inference_backend.models.moro.network import Moro
from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.models.moro.tokenizer.selection import select_codes
from inference_backend.models.moro.training.loss_terms import Placement, Prediction, Target, loss_terms, total_loss
from inference_backend.models.moro.training.masking import mask_for_training


@pytest.fixture(scope="module")
def body():
    return Body.load(None)


@pytest.fixture(scope="module")
def connections(body):
    return build_connections(body.v_template.numpy(), body.faces.numpy(), OPEN_POINTS)


@pytest.fixture(scope="module")
def model(connections):
    torch.manual_seed(0)
    model = Moro(open_config(connections.points, connections.slots))
    model.set_connections(connections)
    model.vqvae.reset_parameters()
    model.dst_former.reset_parameters()
    model.tie_token_table()
    model.set_statistics(bundled_statistics())
    return model


def test_it_is_small(model):
    assert model.config.evidence_channels == CHANNELS
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count < 7_000_000


def test_a_video_training_step(model, body):
    """Two passes as in the last training stage: gradients reach every part that trains, and all losses are finite."""
    n_batch, n_frames, tokens = 2, 4, model.config.tokenizer.tokens
    ids_of_body = torch.from_numpy(model.vertex_ids)
    network, mask_id = model.dst_former, model.config.mask_id
    betas = torch.randn(n_batch, 1, 10)
    turns = roma.rotvec_to_rotmat(0.2 * torch.randn(n_batch, n_frames, 22, 3))
    eye = torch.eye(3).expand(n_batch, n_frames, 3, 3)
    flat = torch.eye(3).expand(n_batch, n_frames, 15, 3, 3)
    posed = body(betas, eye, turns[:, :, 1:], torch.zeros(n_batch, n_frames, 3), flat, flat)
    mesh = posed.vertices[:, :, ids_of_body] - posed.joints[:, :, :1]
    true = Placement(turns[:, :, 0], torch.randn(n_batch, n_frames, 1, 3) * 0.1 + torch.tensor([0.0, 0.0, 4.0]))
    joints = posed.joints[:, :, :22] - posed.joints[:, :, :1]
    joints = joints @ true.rotation.mT + true.translation
    with torch.no_grad():
        ids = model.vqvae.encode(mesh.flatten(0, 1)).unflatten(0, (n_batch, n_frames))
    masked = mask_for_training(ids, mask_id, {"random": 0.5, "joint": 0.5})
    rays = torch.randn(n_batch, n_frames, 33, 2) * 0.1
    evidence = landmark_tokens(
        rays, torch.rand(n_batch, n_frames, 33), torch.randn(n_batch, n_frames, 33, 3),
        torch.ones(n_batch, n_frames, dtype=torch.bool),
    )  # fmt: skip

    image = network.encode_image(evidence.tokens, evidence.valid, evidence.box)
    canonical = canonical_trajectory(image.rotation, image.translation, model.statistics).detach()
    motion = network.encode_motion(model.codes(masked.ids), canonical)
    camera = network.embed_trajectory(image.rotation, image.translation)
    decoded = network.decode(motion.pose, image.tokens, motion.trajectory, camera)
    codes = model.smoother(select_codes(decoded.logits, model.vqvae.vq_vae.codes))
    prior = integrate(motion.canonical, model.statistics, true.rotation[:, 0], true.translation[:, 0])
    prediction = Prediction(
        mesh=model.meshes(codes),
        logits=decoded.logits,
        contact=decoded.contact,
        prior=Placement(*prior),
        coarse=Placement(image.rotation, image.translation),
        fine=Placement(decoded.rotation, decoded.translation),
    )
    target = Target(
        mesh=mesh, joints=joints, placement=true, labels=masked.labels, contact=torch.ones(n_batch, n_frames - 1, 4),
        K=torch.eye(3).expand(n_batch, n_frames, 3, 3), scale=torch.full((n_batch, n_frames), 0.005),
    )  # fmt: skip
    regressor = torch.full((22, len(ids_of_body)), 1 / len(ids_of_body))
    terms = loss_terms("video", prediction, target, regressor)
    assert all(torch.isfinite(value) for value in terms.values())
    total_loss("video", terms).backward()
    idle = {"m_pose_regressor", "m_contact_regressor"}
    for name, parameter in network.named_parameters():
        if name.split(".")[0] not in idle:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    assert model.smoother.alpha.grad is not None
    assert model.vqvae.vq_vae.codes.grad is None
    assert decoded.logits.shape == (n_batch, n_frames, tokens, 512)
    model.zero_grad()


def test_half_precision_file_fits_the_program(model, connections, tmp_path):
    path = tmp_path / "moro_open.safetensors"
    save_network(model, path, connections, {"body_sha256": "x"}, torch.float16)
    assert path.stat().st_size < 14_000_000
    assert load_network(path).config == model.config
