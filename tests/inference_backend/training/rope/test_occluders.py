import math

import pytest
import torch

from inference_backend.training.rope.occluders import Occluders, draw_occluders


def one(centre, half, angle=0.0, there=True):
    return Occluders(torch.tensor([[there]]), torch.tensor([[centre]]), torch.tensor([[half]]), torch.tensor([[angle]]))


@pytest.mark.parametrize(
    ("place", "hidden"), [((0.1, 0.2), True), ((0.29, 0.2), True), ((0.31, 0.2), False), ((0.1, 0.26), False)]
)
def test_a_rectangle_hides_what_is_in_it(place, hidden):
    assert one((0.1, 0.2), (0.2, 0.05)).over(torch.tensor([[place]])).item() is hidden


def test_a_slanted_bar_runs_along_its_angle():
    bar = one((0.0, 0.0), (1.0, 0.02), math.pi / 4)
    along, across = torch.tensor([[[0.3, 0.3]]]), torch.tensor([[[0.3, -0.3]]])
    assert bar.over(along).item()
    assert not bar.over(across).item()


def test_what_is_not_there_hides_nothing():
    assert not one((0.0, 0.0), (9.0, 9.0), there=False).over(torch.zeros(1, 4, 5, 2)).any()


def test_places_of_any_shape_are_asked_for_their_own_image():
    occluders = draw_occluders(40, torch.Generator().manual_seed(0))
    places = torch.rand(40, 3, 7, 2) - 0.5
    together = occluders.over(places)
    alone = torch.stack([Occluders(*(x[i : i + 1] for x in occluders)).over(places[i : i + 1])[0] for i in range(40)])
    assert torch.equal(together, alone)
    assert together.any()


def test_most_people_are_in_full_view():
    """The simulated landmarker hides parts by itself; things in the way come on top of that."""
    grid = torch.rand(2000, 200, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor(
        [0.5, 0.9]
    ) - torch.tensor([0.25, 0.45])
    hidden = draw_occluders(2000, torch.Generator().manual_seed(0)).over(grid).float().mean(1)
    assert 0.6 < (hidden == 0).float().mean() < 0.85
    assert (hidden > 0.9).float().mean() < 0.05, "somebody who is all hidden teaches nothing"
    assert (hidden > 0.3).float().mean() > 0.05
