import math
from itertools import pairwise

import pytest
import torch

from inference_backend.models.trajectory.canonical import (
    Scale,
    about_y,
    canonicalise,
    facing,
    make_condition,
    to_world,
    with_hands,
)
from inference_backend.models.trajectory.config import CPU, PAPER, TrajectoryConfig
from inference_backend.models.trajectory.contacts import foot_contacts
from inference_backend.models.trajectory.corruption import Corruption, corrupt_condition
from inference_backend.models.trajectory.denoiser import TrajDenoiser
from inference_backend.models.trajectory.losses import trajectory_losses
from inference_backend.models.trajectory.regenerate import regenerate
from inference_backend.models.trajectory.weights_file import load_weights, save_weights
from inference_backend.models.trajectory.windows import stitch, window_starts
from inference_backend.protocol.errors import ErrorCode, RecoverError

SMALL = TrajectoryConfig(dim=32, layers=4, heads=4, ffn=48, condition=16)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def walker(studio_body, seconds=4.0, speed=1.2, yaw=0.0, start=(0.0, 0.0)):
    """Joints [N,24,3] of a walk in the world, and its pelvis."""
    from inference_backend.evaluation.physics.gaits import walk
    from inference_backend.geometry.feet import find_soles
    from inference_backend.geometry.forward_kinematics import pose_joints

    soles = find_soles(studio_body, [0.0] * 10)
    motion = walk(soles, seconds, speed).motion
    joints, _ = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
    turned = torch.from_numpy(joints) @ about_y(torch.tensor(yaw, dtype=torch.float64)).T
    return with_hands(turned + torch.tensor([start[0], 0.0, start[1]], dtype=torch.float64))


@pytest.fixture(scope="module")
def body():
    from inference_backend.body.body import Body

    return Body.load()


def test_sizes():
    assert sum(p.numel() for p in TrajDenoiser(PAPER).parameters()) == pytest.approx(29.3e6, rel=0.01)
    assert sum(p.numel() for p in TrajDenoiser(CPU).parameters()) < 2.5e6
    plain = TrajectoryConfig(dim=32, layers=3, heads=4, ffn=48, condition=16, skip="plain")
    assert len(TrajDenoiser(plain).skips) == 0
    with pytest.raises(ValueError, match="even"):
        TrajectoryConfig(layers=11)
    with pytest.raises(ValueError, match="heads"):
        TrajectoryConfig(dim=100)


def test_long_skips_join_first_and_last_layers():
    """Without its middle, the network still passes the input on: each late layer reads its early partner."""
    network = TrajDenoiser(SMALL).eval()
    assert len(network.skips) == 2
    noisy, joints = torch.randn(1, 9, 3, generator=chance()), torch.randn(1, 9, 24, 3, generator=chance(1))
    before = network(noisy, torch.tensor([5]), joints)
    reached = []
    network.layers[0].register_forward_hook(lambda _m, _i, out: reached.append(out))
    network.skips[1].register_forward_pre_hook(lambda _m, i: reached.append(i[0]))
    torch.testing.assert_close(network(noisy, torch.tensor([5]), joints), before)
    torch.testing.assert_close(reached[1][..., SMALL.dim :], reached[0])


def test_a_network_that_begins_from_feet_knows_a_walk_before_it_has_learned_anything(body):
    joints = walker(body, seconds=4.0, speed=1.2)
    (prior,) = regenerate(TrajDenoiser(CPU).eval(), Scale(), [joints.float()], steps=2)
    true = joints[:, 0]
    ahead = torch.linalg.vector_norm((prior.path[-1] - prior.path[0])[[0, 2]])
    assert 3.0 < ahead < 5.5, "4.8 m"
    direction = (prior.path[-1] - prior.path[0])[[0, 2]] / ahead
    torch.testing.assert_close(direction, torch.tensor([0.0, 1.0]), atol=0.05, rtol=0)
    assert (prior.path[:, 1] - true[:, 1]).abs().max() < 0.05
    step = prior.path.diff(dim=0).norm(dim=-1)
    assert step.max() < 3 * step.mean(), "no jumps where feet change"


def test_paths_summed_up_from_velocities_begin_at_zero():
    torch.manual_seed(0)
    network = TrajDenoiser(TrajectoryConfig(dim=32, layers=2, heads=4, ffn=48, condition=16, rates=True)).eval()
    torch.nn.init.normal_(network.out.weight)
    found = network(torch.randn(2, 9, 3), torch.tensor([5, 900]), torch.randn(2, 9, 24, 3))
    assert found[:, 0, [0, 2]].abs().max() == 0
    assert found[:, -1, [0, 2]].abs().min() > 0
    with pytest.raises(ValueError, match="feet needs rates"):
        TrajectoryConfig(feet=True)
    with pytest.raises(ValueError, match="condition_of"):
        TrajectoryConfig(condition_of="meshes")


def test_padding_changes_nothing():
    network = TrajDenoiser(SMALL).eval()
    noisy, joints = torch.randn(2, 20, 3, generator=chance()), torch.randn(2, 20, 24, 3, generator=chance(1))
    step = torch.tensor([900, 10])
    mask = torch.arange(20) < torch.tensor([[12], [20]])
    padded = network(noisy, step, joints, mask)
    alone = network(noisy[:1, :12], step[:1], joints[:1, :12])
    torch.testing.assert_close(padded[:1, :12], alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(network(noisy, step, joints, mask, network.encode(joints)), padded)


def test_the_path_noise_level_and_joints_all_matter():
    network = TrajDenoiser(SMALL).eval()
    noisy, joints = torch.randn(1, 9, 3, generator=chance()), torch.randn(1, 9, 24, 3, generator=chance(1))
    out = network(noisy, torch.tensor([500]), joints)
    for other in ((noisy + 1, 500, joints), (noisy, 100, joints), (noisy, 500, joints + 1)):
        assert (network(other[0], torch.tensor([other[1]]), other[2]) - out).abs().max() > 1e-3


def test_canonical_windows(body):
    joints = walker(body, yaw=2.0, start=(3.0, -4.0))
    window = canonicalise(joints[None])
    assert float(window.yaw) == pytest.approx(2.0, abs=1e-6)
    torch.testing.assert_close(to_world(window.path, window)[0], joints[:, 0])
    assert facing(window.joints[0, 0]) == pytest.approx(0, abs=1e-6)
    assert window.joints[..., 0, :].abs().max() < 1e-9
    # The walk goes along +z in its own frame, from the origin, at its height over the floor.
    assert window.path[0, 0, [0, 2]].abs().max() < 1e-9
    assert float(window.path[0, -1, 2]) == pytest.approx(1.2 * 119 / 30, abs=0.05)
    assert 0.7 < float(window.path[0, :, 1].mean()) < 1.1
    assert make_condition(window.joints, Scale()).abs().max() < 3
    with pytest.raises(ValueError, match="24"):
        make_condition(window.joints[..., :22, :], Scale())


def test_normalising_comes_back():
    scale = Scale((0.1, 0.8, 0.3), (1.1, 0.3, 0.9))
    path = torch.randn(4, 7, 3, generator=chance())
    torch.testing.assert_close(scale.metres(scale.path(path)), path)


def test_windows_cover_the_clip():
    assert window_starts(0) == []
    assert window_starts(50) == [0]
    assert window_starts(120) == [0]
    assert window_starts(121) == [0, 1]
    assert window_starts(300) == [0, 60, 120, 180]
    for count in (121, 155, 240, 333):
        starts = window_starts(count)
        assert starts[-1] + 120 == count
        assert max(b - a for a, b in pairwise(starts)) <= 60


def test_stitching_two_halves_of_a_path_is_seamless():
    t = torch.linspace(0, 6, 180, dtype=torch.float64)
    path = torch.stack([t + torch.sin(t), 0.9 + 0.05 * torch.cos(3 * t), torch.cos(t)], dim=1)
    starts = window_starts(180)
    # Each window has its own place on the floor, as sampled windows have.
    pieces = torch.stack([path[s : s + 120] + torch.tensor([i * 0.7, 0, -i * 2.0]) for i, s in enumerate(starts)])
    out = stitch(pieces, starts, 180)
    torch.testing.assert_close(out, path, atol=1e-9, rtol=0)
    jump = (out.diff(dim=0) - path.diff(dim=0)).norm(dim=1).max()
    assert jump < 1e-3


def test_disagreeing_windows_meet_without_a_jump():
    """Velocities of 1.0 and 1.4 m/s blend: no step lies outside of what the windows say, none changes abruptly."""
    slow, fast = (torch.arange(120.0)[:, None] / 30 * torch.tensor([0.0, 0.0, v]) for v in (1.0, 1.4))
    out = stitch(torch.stack([slow, fast]), [0, 60], 180)
    speed = 30 * out.diff(dim=0)[:, 2]
    assert speed.min() >= 0.999
    assert speed.max() <= 1.401
    assert speed.diff().abs().max() < 0.02


def test_contact_labels_of_a_walk(body):
    from inference_backend.evaluation.physics.gaits import walk
    from inference_backend.geometry.feet import find_soles

    joints = walker(body)[None]
    found = foot_contacts(joints, 30.0)[0]
    truth = torch.from_numpy(walk(find_soles(body, [0.0] * 10), 4.0, 1.2).contact[:, [0, 2, 0, 2]])
    assert (found == truth).float().mean() > 0.9
    assert not (found & ~truth).float().mean() > 0.05
    assert foot_contacts(joints[:, :1], 30.0).shape == (1, 1, 4)


def test_losses_are_zero_for_the_truth_and_name_what_is_wrong(body):
    window = canonicalise(walker(body)[None].float())
    scale, mask = Scale(), torch.ones(1, 120, dtype=torch.bool)
    contacts = foot_contacts(window.joints + window.path[..., None, :], 30.0)
    target = scale.path(window.path)

    def losses(path):
        return trajectory_losses(scale.path(path), target, window.joints, contacts, mask, fps=30.0, scale=scale)

    exact = losses(window.path)
    assert float(exact["path"]) == pytest.approx(0, abs=1e-9)
    assert float(exact["velocity"]) == pytest.approx(0, abs=1e-9)
    assert float(exact["foot"]) < 0.12
    moved = losses(window.path + torch.tensor([1.0, 0.0, 0.0]))
    assert float(moved["path"]) > 0.01
    assert float(moved["velocity"]) == pytest.approx(0, abs=1e-6)
    # A pelvis that stands still while the legs walk: feet slide at walking speed.
    frozen = losses(window.path[:, :1].expand(-1, 120, -1))
    assert float(frozen["foot"]) == pytest.approx(1.2, rel=0.1)
    assert float(frozen["total"]) == pytest.approx(
        float(frozen["path"] + 0.5 * frozen["velocity"] + 0.5 * frozen["foot"]), rel=1e-5
    )


def test_masked_frames_do_not_count(body):
    window = canonicalise(walker(body)[None].float())
    scale, mask = Scale(), torch.arange(120)[None] < 80
    contacts = foot_contacts(window.joints + window.path[..., None, :], 30.0)
    target = scale.path(window.path)
    wrong = target.clone()
    wrong[:, 80:] += 5
    clean, odd = (
        trajectory_losses(p, target, window.joints, contacts, mask, fps=30.0, scale=scale) for p in (target, wrong)
    )
    torch.testing.assert_close(clean, odd)


def test_corruption_is_bounded_and_repeatable(body):
    joints = canonicalise(walker(body)[None].float()).joints.expand(16, -1, -1, -1)
    one, two = (corrupt_condition(joints, Corruption(), chance(3)) for _ in range(2))
    torch.testing.assert_close(one, two)
    assert one[..., 0, :].abs().max() < 1e-5
    off = (one - joints).norm(dim=-1).mean(dim=(1, 2))
    assert 0.005 < float(off.mean()) < 0.15
    nothing = corrupt_condition(joints, Corruption(0, 0, 0, 0, 0), chance(3))
    torch.testing.assert_close(nothing, joints, atol=1e-5, rtol=0)
    tilted = corrupt_condition(joints, Corruption(0, 0, 4.0, 0, 0), chance(3))
    turn = torch.acos((torch.nn.functional.cosine_similarity(tilted[:, 0, 15], joints[:, 0, 15], dim=-1)).clamp(-1, 1))
    assert turn.max() < math.radians(4.01)
    assert turn.max() > math.radians(1.0)
    moving = joints + 0.05 * torch.randn(joints.shape, generator=chance(4)) * (torch.arange(24) > 0)[:, None]
    frozen = corrupt_condition(moving, Corruption(0, 1.0, 0, 0, 0), chance(3))
    changed = (frozen - moving).norm(dim=-1) > 1e-4
    limbs = changed.any(1).sum(1)
    assert ((limbs >= 4) & (limbs <= 5)).all()
    assert changed.any(2).sum(1).max() <= 40


def test_regeneration_is_the_same_in_any_company(body):
    network = TrajDenoiser(SMALL).eval()
    people = [
        walker(body, 2.0).float(),
        walker(body, 7.0, yaw=1.0).float(),
        walker(body, 5.0, start=(2.0, 0.0)).float(),
    ]
    together = regenerate(network, Scale(), people, steps=4, seeds=2, batch=2)
    assert [prior.windows for prior in together] == [1, 3, 2]
    for prior, joints in zip(together, people, strict=True):
        assert prior.path.shape == (len(joints), 3)
        assert torch.isfinite(prior.path).all()
        assert (prior.sigma_v > 0).all()
        (alone,) = regenerate(network, Scale(), [joints], steps=4, seeds=2)
        # Padding differs with company: the noise of shared frames does not.
        torch.testing.assert_close(alone.path.diff(dim=0), prior.path.diff(dim=0), atol=2e-4, rtol=0)
    assert regenerate(network, Scale(), [], steps=4) == []


def test_regeneration_turns_with_the_person(body):
    network = TrajDenoiser(SMALL).eval()
    one, other = (regenerate(network, Scale(), [walker(body, 4.0, yaw=y).float()], steps=4)[0] for y in (0.0, 1.3))
    turned = one.path @ about_y(torch.tensor(1.3)).T
    torch.testing.assert_close(other.path.diff(dim=0), turned.diff(dim=0), atol=1e-4, rtol=0)


def test_a_network_learns_walking(body):
    """A tiny network, a minute's walk of training data: the regenerated walk goes as far as the legs say."""
    torch.manual_seed(0)
    scale = Scale(std=(0.5, 0.1, 1.2))
    network = TrajDenoiser(TrajectoryConfig(dim=48, layers=2, heads=4, ffn=96, condition=24, dropout=0.0))
    joints = torch.stack([walker(body, 2.0, speed).float() for speed in (0.6, 0.9, 1.2, 1.5)])
    window = canonicalise(joints)
    contacts = foot_contacts(joints, 30.0)
    target, condition, mask = scale.path(window.path), make_condition(window.joints, scale), torch.ones(4, 60).bool()
    from inference_backend.models.trajectory.diffusion import add_noise, alpha_bar

    bars = alpha_bar(1000)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(250):
        step = torch.randint(0, 1000, (4,))
        noisy = add_noise(target, torch.randn_like(target), step, bars)
        losses = trajectory_losses(
            network(noisy, step, condition), target, window.joints, contacts, mask, fps=30.0, scale=scale
        )
        optimiser.zero_grad()
        losses["total"].backward()
        optimiser.step()
    priors = regenerate(network.eval(), scale, list(joints), steps=20)
    for speed, prior in zip((0.6, 0.9, 1.2, 1.5), priors, strict=True):
        assert float(prior.path[-1, 2] - prior.path[0, 2]) == pytest.approx(speed * 59 / 30, rel=0.15)


def test_weights_file(tmp_path):
    network = TrajDenoiser(SMALL).eval()
    path = tmp_path / "ordner mit ü" / "trajectory.safetensors"
    save_weights(path, network, Scale((0.0, 1.0, 0.0)), {"data": "none"})
    loaded = load_weights(path)
    assert loaded.metadata["data"] == "none"
    assert loaded.scale.mean == (0.0, 1.0, 0.0)
    assert loaded.network.config == SMALL
    assert not loaded.network.training
    noisy, joints = torch.randn(1, 9, 3, generator=chance()), torch.randn(1, 9, 24, 3, generator=chance(1))
    torch.testing.assert_close(
        loaded.network(noisy, torch.tensor([500]), joints),
        network(noisy, torch.tensor([500]), joints),
        atol=0.02,
        rtol=0,
    )
    assert path.stat().st_size < 2.3 * sum(p.numel() for p in network.parameters()) + 20_000


def test_bad_weights_files(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(RecoverError) as caught:
        load_weights(tmp_path / "none.safetensors")
    assert caught.value.code == ErrorCode.MISSING_PART
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3)}, other)
    torn = tmp_path / "torn.safetensors"
    save_weights(torn, TrajDenoiser(SMALL), Scale(), {})
    torn.write_bytes(torn.read_bytes()[:5000])
    spoilt = tmp_path / "spoilt.safetensors"
    network = TrajDenoiser(SMALL)
    network.out.bias.data[0] = torch.nan
    save_weights(spoilt, network, Scale(), {})
    for path in (other, torn, spoilt):
        with pytest.raises(RecoverError) as caught:
            load_weights(path)
        assert caught.value.code == ErrorCode.BAD_INPUT
        assert str(path) in str(caught.value)
