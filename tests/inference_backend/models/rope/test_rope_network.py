from dataclasses import replace

import pytest
import roma
import torch

from inference_backend.models.rope.acpr import LevelExchange, attention, expand
from inference_backend.models.rope.config import ABLATIONS, OPEN, RESEARCH_W32, RESEARCH_W48, RopeConfig, ablation
from inference_backend.models.rope.hagt import Hagt, attention_entropy, part_attention
from inference_backend.models.rope.network import Rope
from inference_backend.models.rope.parts import part_levels
from inference_backend.models.rope.proxy import PROXY_CHANNELS

SMALL = replace(OPEN, channels=(8, 12), neck=16, trunk=16, token=16, heads=2, shape_hidden=32, pose_hidden=32)


def network(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return Rope(config).eval()


def images(count=3):
    return torch.rand(count, PROXY_CHANNELS, 64, 48, generator=torch.Generator().manual_seed(1))


def levels_of(count=2, size=16, seed=0):
    torch.manual_seed(seed)
    return {name: torch.randn(count, len(part_levels()[name]), size) for name in SMALL.levels}


def test_outputs_have_the_shapes_that_are_documented():
    found = network()(images(), torch.zeros(3, 3))
    assert found.rotations.shape == (3, 22, 3, 3)
    assert found.betas.shape == (3, 10)
    assert found.camera.shape == (3, 3)
    assert found.visibility.shape == (3, 24)
    assert {name: x.shape[1] for name, x in found.logits.items()} == {"indep": 25, "inter": 12, "fulco": 7, "whobo": 2}
    assert all(x.shape[-2:] == SMALL.map_hw == (32, 24) for x in found.logits.values())
    torch.testing.assert_close(torch.linalg.det(found.rotations), torch.ones(3, 22))


def test_untrained_it_starts_near_the_mean_pose_and_camera():
    model = network()
    mean = roma.random_rotmat(22)
    model.set_mean_pose(mean)
    found = model(images(), torch.zeros(3, 3))
    assert roma.rotmat_geodesic_distance(found.rotations, mean.expand_as(found.rotations)).max() < 0.1
    assert (found.camera - torch.tensor([0.9, 0, 0])).abs().max() < 0.05


def test_part_attention_rows_add_up_to_one():
    found = network()(images(), torch.zeros(3, 3))
    for name, logits in found.logits.items():
        weights = part_attention(logits)
        assert weights.shape == (3, len(part_levels()[name]), 32 * 24)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:2]))
        assert (attention_entropy(logits) > 0.9).all(), "nothing has collapsed before training"


def test_tokens_are_the_attended_values():
    """Equation 1 as a sum over pixels, written out."""
    torch.manual_seed(0)
    tokenizer = Hagt(12, SMALL).eval()
    features = torch.randn(2, 12, 8, 6)
    found = tokenizer(features)
    values = tokenizer.value["inter"](tokenizer.value_trunk(features))
    logits = found.logits["inter"][1, 4 + 1]
    weight = (logits.flatten() - logits.max()).exp()
    expected = (values[1] * (weight / weight.sum()).view(8, 6)).sum((1, 2))
    torch.testing.assert_close(found.tokens["inter"][1, 4], expected, atol=1e-5, rtol=1e-4)


def test_a_part_sees_only_where_it_looks():
    torch.manual_seed(0)
    tokenizer = Hagt(12, SMALL).eval()
    with torch.no_grad():
        tokenizer.attention["fulco"].weight.zero_()
        tokenizer.attention["fulco"].bias.zero_()
    features = torch.randn(1, 12, 8, 6)
    even = tokenizer(features).tokens["fulco"]
    mean = tokenizer.value["fulco"](tokenizer.value_trunk(features)).mean((2, 3))
    torch.testing.assert_close(even, mean[:, None].expand_as(even), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("balance", [False, True])
def test_level_exchange_attention_rows_add_up_to_one(balance):
    exchange = LevelExchange(replace(SMALL, icl_balance=balance))
    for weights in exchange.weights(expand(levels_of())):
        assert weights.shape == (2, 2, 24, 24)
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 24))


def test_balance_makes_repeated_keys_count_once():
    """With keys that are all alike, each part weighs the same, whatever the number of its joints."""
    exchange = LevelExchange(replace(SMALL, icl_balance=True))
    for layer in exchange.key.values():
        torch.nn.init.zeros_(layer.weight)
    weights = exchange.weights(expand(levels_of()))[1][0, 0, 0]  # keys of the coarsest level
    of_joint = torch.tensor(part_levels()["fulco"].of_joint)
    by_part = torch.zeros(6).index_add_(0, of_joint, weights)
    torch.testing.assert_close(by_part, torch.full((6,), 1 / 6))


def rank(matrix):
    return int(torch.linalg.matrix_rank(matrix.double(), rtol=1e-6))


def test_exchange_as_printed_is_a_bottleneck_of_rank_six():
    config = replace(SMALL, token=32, icl_literal=True)
    outputs = LevelExchange(config)(expand(levels_of(size=32)))
    assert [len(torch.unique((x[0] * 1e4).round(), dim=0)) for x in outputs] == [6, 24, 11]
    assert all(rank(x[0].detach()) <= 6 for x in outputs)


def test_exchange_as_built_tells_all_joints_apart():
    for seed in range(3):
        outputs = LevelExchange(replace(SMALL, token=32))(expand(levels_of(size=32, seed=seed)))
        assert rank(torch.cat(outputs, -1)[0].detach()) == 24


def test_attention_by_hand():
    queries, keys = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[2.0, 0.0], [0.0, 5.0]]])
    expected = torch.softmax(torch.tensor([2.0, 0.0]) / 2**0.5, 0)
    torch.testing.assert_close(attention(queries, keys, 1)[0, 0, 0], expected)
    torch.testing.assert_close(
        attention(queries, keys, 1, torch.tensor([0.0, -torch.inf]))[0, 0, 0], torch.tensor([1.0, 0.0])
    )


@pytest.mark.parametrize("variant", ABLATIONS)
def test_every_variant_of_the_ablation_runs_and_learns(variant):
    config = ablation(SMALL, variant)
    model = network(config).train()
    found = model(images(), torch.zeros(3, 3))
    assert bool(found.logits) == (config.tokens == "attention")
    assert ("whobo" in found.logits) == (config.use_whobo and config.tokens == "attention")
    loss = sum(x.sum() for x in (*found[1:5], *found.logits.values()))
    loss.backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_without_the_whole_body_no_part_depends_on_it():
    torch.manual_seed(0)
    model, features = network(), torch.randn(2, 16, 32, 24)
    found = model.tokenizer(features).tokens
    before = model.encoders["inter"](found["inter"], found["whobo"])
    after = model.encoders["inter"](found["inter"], found["whobo"] + 1)
    assert (before - after).abs().max() > 1e-3
    bare = network(ablation(SMALL, "no_whobo"))
    assert "whobo" not in bare.tokenizer(features).tokens


def test_places_are_seen_where_the_configuration_says_so():
    picture = images(2)
    with_places, without = (network(c).features(picture) for c in (ablation(SMALL, "coordinates"), SMALL))
    assert with_places.shape[1] == without.shape[1] + 2 == 18
    assert with_places[0, -2, 5].tolist() == torch.linspace(-1, 1, 24).tolist()
    assert with_places[1, -1, :, 7].tolist() == torch.linspace(-1, 1, 32).tolist()


def test_frames_of_a_batch_do_not_mix():
    model, batch = network(), images(4)
    together, alone = model(batch, torch.zeros(4, 3)), model(batch[2:3], torch.zeros(1, 3))
    torch.testing.assert_close(together.rotations[2:3], alone.rotations, atol=1e-5, rtol=1e-4)


def test_no_frames():
    found = network()(images(0), torch.zeros(0, 3))
    assert found.rotations.shape == (0, 22, 3, 3)


def test_configurations_survive_json():
    for config in (OPEN, RESEARCH_W32, RESEARCH_W48, ablation(SMALL, "baseline")):
        assert RopeConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("wrong", [{"tokens": "none"}, {"regressor": "cnn"}, {"levels": ("whobo",)}])
def test_configurations_without_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(SMALL, **wrong)


@pytest.mark.parametrize(("config", "fused", "head_millions"), [(RESEARCH_W32, 480, 7.8), (RESEARCH_W48, 720, 8.9)])
def test_rgb_configuration(config, fused, head_millions):
    pytest.importorskip("timm", reason="the optional package timm is not installed")
    model = network(config)
    with torch.inference_mode():
        found = model(torch.rand(1, 3, 256, 192), torch.zeros(1, 3))
    assert model.backbone.out_channels == fused
    assert found.logits["indep"].shape == (1, 25, 64, 48)
    backbone = sum(p.numel() for p in model.backbone.parameters())
    rest = sum(p.numel() for p in model.parameters()) - backbone
    assert rest / 1e6 == pytest.approx(head_millions, rel=0.01)
