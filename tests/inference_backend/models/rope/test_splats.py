"""Splats against an exact rasteriser of the same triangles: pixel middles, z-buffer."""

import cv2
import numpy as np
import pytest
import torch

from inference_backend.geometry.projection import project
from inference_backend.models.rope.parts import face_labels, part_levels, vertex_labels
from inference_backend.models.rope.splat import at_level, mirrored, part_masks, silhouettes, visible_labels
from inference_backend.models.rope.surface_cloud import SPACING, SurfaceCloud


def rasterise(vertices, faces, labels, K, box, size):
    """Nearest triangle at the middle of each pixel: `[h,w]`, 0 or 1 + label."""
    height, width = size
    pixels = project(vertices, K).double().numpy()
    place = (pixels - box[:2].numpy()) / box[2].item() * height + np.array([width, height]) / 2 - 0.5
    nearest, drawn = np.full(size, np.inf), np.zeros(size, int)
    inverse_depth = 1 / vertices[:, 2].double().numpy()
    for face, label in zip(faces.numpy(), labels.numpy(), strict=True):
        corner = place[face]
        low, high = np.ceil(corner.min(0)).astype(int), np.floor(corner.max(0)).astype(int)
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(high, (width - 1, height - 1))
        if x0 > x1 or y0 > y1:
            continue
        x, y = np.meshgrid(np.arange(x0, x1 + 1), np.arange(y0, y1 + 1))
        matrix = np.vstack((corner.T, np.ones(3)))
        if abs(np.linalg.det(matrix)) < 1e-12:
            continue
        share = np.linalg.inv(matrix) @ np.stack((x.ravel(), y.ravel(), np.ones(x.size)))
        depth = np.where((share >= 0).all(0), 1 / (inverse_depth[face] @ share), np.inf).reshape(x.shape)
        closer = depth < nearest[y, x]
        nearest[y, x] = np.where(closer, depth, nearest[y, x])
        drawn[y, x] = np.where(closer, label + 1, drawn[y, x])
    return drawn


@pytest.mark.parametrize(("size", "spacing"), [((32, 24), SPACING), ((64, 48), SPACING), ((128, 96), 0.006)])
def test_silhouettes_and_parts_agree_with_a_rasteriser(body, pose_bodies, size, spacing):
    people = pose_bodies(2, seed=4)
    cloud = SurfaceCloud(body, spacing)
    drawn = part_masks(cloud, people.vertices, people.K, people.box, size).numpy()
    labels = face_labels(vertex_labels(body), body.faces)
    for i, splats in enumerate(drawn):
        exact = rasterise(people.vertices[i], body.faces, labels, people.K[i], people.box[i], size)
        fine = rasterise(people.vertices[i], body.faces, labels, people.K[i], people.box[i], (4 * size[0], 4 * size[1]))
        both, either = (splats > 0) & (exact > 0), (splats > 0) | (exact > 0)
        # What differs is the outline: no pixel farther from it than one.
        blocks = (fine > 0).reshape(size[0], 4, size[1], 4)
        near = np.ones((3, 3), np.uint8)
        inner = cv2.erode(blocks.all((1, 3)).astype(np.uint8), near) > 0
        outer = cv2.dilate(blocks.any((1, 3)).astype(np.uint8), near) > 0
        assert (splats[inner] > 0).all(), "no holes"
        assert not (splats[~outer] > 0).any(), "nothing beside the body"
        assert both.sum() / either.sum() > 0.9
        assert (splats == exact)[both].mean() > 0.9


def test_the_nearer_body_part_hides_the_farther_one(body, cloud):
    """A hand stretched to the front is seen from the front, not from behind."""
    pose = torch.eye(3).repeat(1, 21, 1, 1)
    turn = torch.tensor([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])  # left upper arm to the front
    pose[:, 15] = turn
    K = torch.tensor([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
    seen = []
    for facing in (torch.diag(torch.tensor([1.0, -1, -1])), torch.diag(torch.tensor([-1.0, -1, 1]))):
        rest = body.rest_joints(torch.zeros(1, 10))[:, 0]
        away = torch.tensor([[0.0, 0, 4.0]])
        vertices = body(torch.zeros(1, 10), facing[None], pose, away - rest).vertices
        (labels,) = visible_labels(cloud, vertices, K, torch.tensor([[640.0, 360, 550]]), (64, 48))
        seen.append(int((labels == 1 + 20).sum()) + int((labels == 1 + 22).sum()))
    assert seen[0] > 3 * max(seen[1], 1)


def test_outside_and_behind_draw_nothing(cloud, pose_bodies):
    people = pose_bodies(2)
    aside = people.box + torch.tensor([5000.0, 0, 0])
    assert silhouettes(cloud, people.vertices, people.K, aside, (64, 48)).sum() == 0
    behind = people.vertices * torch.tensor([1.0, 1, -1])
    assert silhouettes(cloud, behind, people.K, people.box, (64, 48)).sum() == 0


def test_several_sizes_at_once(cloud, pose_bodies):
    people = pose_bodies(2)
    large, small = visible_labels(cloud, people.vertices, people.K, people.box, (64, 48), (32, 24))
    assert (large == part_masks(cloud, people.vertices, people.K, people.box, (64, 48))).all()
    alone = part_masks(cloud, people.vertices, people.K, people.box, (32, 24))
    assert small.shape == (2, 32, 24)
    assert (small == alone).float().mean() > 0.97


def test_levels_and_mirror(cloud, pose_bodies):
    people = pose_bodies(2)
    labels = part_masks(cloud, people.vertices, people.K, people.box, (64, 48))
    for level in part_levels().values():
        mask = at_level(labels, level)
        assert mask.max() == len(level)
        assert ((mask > 0) == (labels > 0)).all()
        assert (mirrored(mirrored(mask, level), level) == mask).all()
    arm = part_levels()["fulco"]
    mask = at_level(labels, arm)
    left, right = (arm.parts.index(f"{side}_arm") + 1 for side in ("left", "right"))
    assert (mirrored(mask, arm) == left).sum() == (mask == right).sum()
