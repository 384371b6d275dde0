"""Every stage of the research configuration takes twenty steps on tiny data, one after the other."""

import pytest
import torch

from inference_backend.models.moro.evidence.backbone import VitBlock
from inference_backend.models.moro.files.checkpoint import load_network
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training.research.__main__ import fresh_network, main, parse, train
from inference_backend.training.research.plans import ORDER, PLANS

FROZEN = {
    "pose_pretrain": ("vqvae.", "backbone.", "dst_former.img_", "dst_former.d_", "smoother."),
    "motion_pretrain": ("vqvae.", "backbone.", "dst_former.img_", "dst_former.d_"),
    "image_pretrain": ("vqvae.", "dst_former.m_", "smoother."),
    "video_pretrain": ("vqvae.", "dst_former.m_", "smoother."),
    "video_train": ("vqvae.", "backbone.", "dst_former.img_"),
}
MOVED = {
    "pose_pretrain": ("dst_former.m_transformer.", "dst_former.m_pose_regressor."),
    "motion_pretrain": ("dst_former.m_traj_regressor.", "dst_former.m_contact_regressor.", "smoother.net."),
    "image_pretrain": ("backbone.model.blocks.", "dst_former.img_transformer.", "dst_former.d_pose_regressor."),
    "video_pretrain": ("backbone.model.blocks.", "dst_former.img_traj_regressor.", "dst_former.d_traj_regressor."),
    "video_train": ("dst_former.m_transformer.", "dst_former.d_contact_regressor.", "smoother.net."),
}


@pytest.fixture(scope="module")
def data(amass, bedlam, egobody, images):
    arguments = ["--amass", amass, "--egobody", egobody, "--bedlam", *bedlam, "--images", *images]
    return [str(argument) for argument in arguments]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data, body_folder, connection_file, config):
    """Weights of each stage, in one chain."""
    out, weights = tmp_path_factory.mktemp("research ü"), {}
    for stage in ORDER:
        start = ["--init-from", str(list(weights.values())[-1])] if weights else ["--connections", str(connection_file)]
        common = ["--out", str(out), "--bodies", str(body_folder), "--device", "cpu"]
        small = ["--steps", "20", "--batch", "2", "--frames", "6"]
        train(parse([stage, *common, *start, *small, *data]), config)
        weights[stage] = out / f"moro_{stage}.safetensors"
    return {stage: load_network(path).state_dict() for stage, path in weights.items()}


def test_every_stage_leaves_weights_that_can_be_used(trained):
    assert list(trained) == list(ORDER)
    for state in trained.values():
        assert all(torch.isfinite(value).all() for value in state.values())


@pytest.mark.parametrize("stage", ORDER[1:])
def test_a_stage_changes_its_parts_and_no_others(trained, stage):
    before, after = trained[ORDER[ORDER.index(stage) - 1]], trained[stage]
    same = {key for key in after if torch.equal(before[key], after[key])}
    for part in FROZEN[stage]:
        keys = {key for key in after if part in key}
        assert keys
        assert keys <= same, part
    for part in MOVED[stage]:
        keys = {key for key in after if part in key}
        assert keys
        assert not keys <= same, part


def test_the_tokenizer_learns(trained):
    codes = trained["tokenizer"]["vqvae.vq_vae._embedding.weight"]
    table = trained["tokenizer"]["mask_transformer.token_emb.weight"]
    assert torch.equal(table[:-1], codes)
    assert (table[-1] == 0).all()
    assert (trained["tokenizer"]["vqvae.vq_vae.code_count"] != 1).any()


def test_plans_are_the_released_ones():
    plans = {name: (plan.frames, plan.batch, plan.rate, plan.steps) for name, plan in PLANS.items()}
    assert plans == {
        "tokenizer": (1, 256, 5e-4, 200_000),
        "pose_pretrain": (1, 128, 1e-4, 40_000),
        "motion_pretrain": (60, 4, 1e-4, 60_000),
        "image_pretrain": (1, 64, 1e-5, 40_000),
        "video_pretrain": (1, 64, 1e-5, 40_000),
        "video_train": (60, 2, 1e-5, 60_000),
    }


def test_what_is_missing_is_named(tmp_path, body_folder, connection_file, config, capsys):
    common = ["--out", str(tmp_path), "--bodies", str(body_folder), "--connections", str(connection_file)]
    with pytest.raises(RecoverError, match="learns from amass") as caught:
        train(parse(["tokenizer", *common]), config)
    assert caught.value.code == ErrorCode.MISSING_PART
    with pytest.raises(RecoverError, match="nothing to start from"):
        train(parse(["video_train", *common]), config)
    assert main(["pose_pretrain", "--out", str(tmp_path), "--bodies", str(tmp_path)]) == 1
    assert "nothing to start from" in capsys.readouterr().err


def test_published_parts_are_taken(tmp_path, data, body_folder, connection_file, config, connections):
    """The authors' tokenizer and HMR2's backbone, in files as Lightning writes them."""
    donor = fresh_network(config, connections, seed=7)
    tokenizer, backbone = tmp_path / "tokenizer.ckpt", tmp_path / "hmr2.ckpt"
    torch.save({"state_dict": {f"mesh_vqvae.{k}": v for k, v in donor.vqvae.state_dict().items()}}, tokenizer)
    state = {f"backbone.{k}": v for k, v in donor.backbone.model.state_dict().items()}
    torch.save({"state_dict": state | {"smpl_head.decoder.bias": torch.zeros(3)}}, backbone)
    arguments = ["pose_pretrain", "--out", tmp_path, "--bodies", body_folder, "--connections", connection_file, *data]
    arguments += ["--tokenizer", tokenizer, "--backbone", backbone, "--steps", 1, "--batch", 2, "--device", "cpu"]
    train(parse([str(argument) for argument in arguments]), config)
    found = load_network(tmp_path / "moro_pose_pretrain.safetensors")
    for part in ("vqvae", "backbone"):
        for key, value in getattr(donor, part).state_dict().items():
            assert torch.equal(getattr(found, part).state_dict()[key], value), key
    assert torch.equal(found.codebook, donor.vqvae.vq_vae.codes)
    torch.save({"state_dict": {}}, backbone)
    with pytest.raises(RecoverError, match=r"hmr2\.ckpt"):
        train(parse([str(argument) for argument in arguments]), config)


def test_stochastic_depth_only_in_training(config):
    torch.manual_seed(0)
    block = VitBlock(8, 2)
    x = torch.randn(4000, 3, 8)
    block.drop = 0.5
    assert torch.equal(block.eval()(x), block(x))
    through = block.eval()(x)
    block.train()
    made = block(x)
    skipped = (made == x).all(-1).all(-1).float().mean()
    assert skipped == pytest.approx(0.25, abs=0.03), "both halves are left out"
    assert not torch.equal(made, through)
    attention = VitBlock(8, 2).train()
    attention.drop = 0.5
    torch.nn.init.zeros_(attention.mlp.fc2.weight)
    torch.nn.init.zeros_(attention.mlp.fc2.bias)
    mean = torch.stack([attention(x[:8]) for _ in range(600)]).mean(0)
    torch.testing.assert_close(mean, attention.eval()(x[:8]), atol=0.1, rtol=0.1)
