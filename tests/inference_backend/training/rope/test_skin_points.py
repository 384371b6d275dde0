import roma
import torch

from inference_backend.geometry.projection import project
from inference_backend.models.rope.camera import square_box
from inference_backend.models.rope.splat import drawn_labels, visible_labels
from inference_backend.models.rope.surface_cloud import SurfaceCloud
from inference_backend.training.rope.skin import SkinPoints


def posed(body, count=3):
    """People some four metres away, and what `SkinPoints.see` needs of them."""
    generator = torch.Generator().manual_seed(3)
    rotations = roma.rotvec_to_rotmat(0.4 * torch.randn(count, 22, 3, generator=generator))
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0])) @ rotations[:, 0]
    betas = torch.randn(count, 10, generator=generator)
    rest = body.rest_joints(betas)[:, :22]
    transl = torch.tensor([0.2, -0.1, 4.0]) - rest[:, 0]
    joints, turned = body.skeleton(betas, rotations[:, 0], rotations[:, 1:], transl)
    vertices = body(betas, rotations[:, 0], rotations[:, 1:], transl).vertices
    return betas, rest, joints, turned, vertices


def test_points_are_where_the_mesh_has_them(body, cloud):
    betas, rest, joints, turned, vertices = posed(body)
    points, facing = SkinPoints(body, cloud).see(betas, rest, joints, turned)
    expected, expected_facing = cloud(vertices)
    away = (points - expected).norm(dim=-1)
    # Weights are blended along triangles instead of places: the same but where they differ between corners.
    assert away.max() < 0.01
    assert away.mean() < 5e-4
    # Normals come from the resting body in its mean shape, so that those along outlines may differ.
    assert (facing == expected_facing).float().mean() > 0.95


def test_they_draw_the_same_people(body, cloud):
    betas, rest, joints, turned, vertices = posed(body)
    K = torch.tensor([[[1000.0, 0, 0], [0, 1000, 0], [0, 0, 1]]]).expand(3, 3, 3)
    box = square_box(project(vertices, K))
    points, facing = SkinPoints(body, cloud).see(betas, rest, joints, turned)
    (coarse,) = drawn_labels(points, facing, cloud.labels, K, box, (64, 48), rows=192)
    (fine,) = visible_labels(SurfaceCloud(body), vertices, K, box, (64, 48))
    union = ((coarse > 0) | (fine > 0)).sum()
    both = (coarse > 0) & (fine > 0)
    assert both.sum() / union > 0.9
    assert (coarse == fine)[both].float().mean() > 0.9
