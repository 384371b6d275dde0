import roma
import torch

from inference_backend.geometry.shortest_turn import shortest_turn


def test_directions_are_turned_onto_each_other_the_short_way():
    start, end = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = (roma.rotvec_to_rotmat(shortest_turn(start, end)) @ start[..., None])[..., 0]
    unit = torch.nn.functional.normalize
    torch.testing.assert_close(unit(turned, dim=-1), unit(end, dim=-1))
    angle = (unit(start, dim=-1) * unit(end, dim=-1)).sum(-1).acos()
    torch.testing.assert_close(shortest_turn(start, end).norm(dim=-1), angle)


def test_nothing_is_turned_where_nothing_points():
    x, nothing = torch.tensor([1.0, 0, 0]), torch.zeros(3)
    for start, end in ((x, 2 * x), (x, nothing), (nothing, x)):
        assert torch.equal(shortest_turn(start, end), torch.zeros(3))
