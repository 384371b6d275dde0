"""Bodies that are fitted into the part that is seen."""

import torch

from inference_backend.geometry.blazepose import HIPS, INDEX, LANDMARKS, SHOULDERS
from inference_backend.training.data.foreshortening import draw_pull, lean_trunk, pull_hips, turn_in_depth
from inference_backend.training.data.noise import LEVELS

LEGS = [i for i, name in enumerate(LANDMARKS) if name.endswith(("knee", "ankle", "heel", "foot_index"))]
ABOVE = [i for i in range(33) if i not in (*LEGS, *HIPS)]


def figure(batch: int = 3, frames: int = 10) -> torch.Tensor:
    """Landmarks of nobody in particular, head up (y points down), as in the view that looks at the person."""
    places = 0.2 * torch.randn((batch, frames, 33, 3), generator=torch.Generator().manual_seed(1))
    for part, y in (("shoulder", -0.5), ("hip", 0.0), ("knee", 0.45), ("ankle", 0.9)):
        for side, x in (("left", 0.15), ("right", -0.15)):
            places[:, :, INDEX[f"{side}_{part}"]] = torch.tensor([x, y, -0.05])
    return places


def trunk(places: torch.Tensor) -> torch.Tensor:
    return places[:, :, SHOULDERS].mean(2) - places[:, :, HIPS].mean(2)


def test_hips_are_drawn_up_only_while_both_legs_are_hidden():
    hidden = torch.zeros(64, 30, 33, dtype=torch.bool)
    hidden[:, 10:, LEGS] = True
    pull = draw_pull(hidden, torch.Generator().manual_seed(0))
    assert not pull[:, :10].any()
    assert pull[:, 10:].min() > 0
    assert pull.max() <= 0.35
    one_leg = hidden.clone()
    one_leg[..., [i for i in LEGS if LANDMARKS[i].startswith("left")]] = False
    assert not draw_pull(one_leg, torch.Generator().manual_seed(0)).any()


def test_hips_and_legs_move_towards_the_shoulders_and_the_rest_stays():
    places = figure()[..., :2]
    pull = torch.full(places.shape[:2], 0.2)
    pulled = pull_hips(places, pull)
    torch.testing.assert_close(trunk(pulled), 0.8 * trunk(places))
    torch.testing.assert_close(pulled[:, :, ABOVE], places[:, :, ABOVE])
    moved = (pulled - places)[:, :, [*HIPS, *LEGS]]
    torch.testing.assert_close(moved, moved[:, :, :1].expand_as(moved))


def test_a_trunk_that_looks_shorter_leans_towards_the_camera_as_one_piece():
    world = figure()
    pull = torch.zeros(world.shape[:2])
    pull[:, 5:] = 0.3
    leaning = lean_trunk(world, pull)
    assert torch.equal(leaning[:, :5], world[:, :5])
    torch.testing.assert_close(trunk(leaning)[:, 5:, :2], 0.7 * trunk(world)[:, 5:, :2], atol=1e-4, rtol=0)
    assert bool((trunk(leaning)[:, 5:, 2] < trunk(world)[:, 5:, 2] - 0.2).all())
    rigid = [torch.cdist(x[:, :, ABOVE], x[:, :, ABOVE]) for x in (world, leaning)]
    torch.testing.assert_close(rigid[1], rigid[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(leaning[:, :, LEGS], world[:, :, LEGS])


def test_hidden_limbs_that_look_shorter_keep_their_length_in_depth():
    world = figure()
    hidden = torch.zeros(world.shape[:3], dtype=torch.bool)
    hidden[..., LEGS] = True
    idea = world.clone()
    idea[:, :, LEGS, :2] *= 0.4
    turned = turn_in_depth(world, idea, hidden, torch.Generator().manual_seed(2))
    torch.testing.assert_close(turned[..., :2], idea[..., :2])
    torch.testing.assert_close(turned[:, :, ABOVE], world[:, :, ABOVE])
    for child, parent, _ in (row for level in LEVELS for row in level if row[0] in LEGS):
        length, seen = ((x[:, :, child] - x[:, :, parent]) for x in (world, turned))
        fits = seen[..., :2].norm(dim=-1) <= length.norm(dim=-1)
        torch.testing.assert_close(seen.norm(dim=-1)[fits], length.norm(dim=-1)[fits], atol=1e-5, rtol=1e-4)
        assert bool((seen[..., 2][~fits] == 0).all())
