"""Analytic initialisation: rotations from the world landmarks, bone by bone, and the pelvis from a fit of rays."""

from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from ....geometry.blazepose import INDEX
from ....geometry.shortest_turn import shortest_turn
from ....protocol.skeleton import BODY_JOINTS, BODY_PARENTS
from .figure import Figure
from .prior import MotionPrior

_J = {name: i for i, name in enumerate(BODY_JOINTS)}
_ENCODING_NOISE = 0.1  # radians; how far rotations of the start may be off the prior's pose space


@dataclass(frozen=True)
class InitialMotion:
    """Of N frames: pelvis `[N,3]`, root `[N,3,3]`, z `[N,D]`; rotations `[N,22,3,3]` as read, not encoded."""

    pelvis: Tensor
    root: Tensor
    z: Tensor
    rotations: Tensor


def _unit(v: Tensor) -> Tensor:
    return torch.nn.functional.normalize(v, dim=-1, eps=1e-9)


def _frame(first: Tensor, second: Tensor) -> Tensor:
    """Right-handed axes as columns: `first`, then `second` made orthogonal to it, then their cross product."""
    a = _unit(first)
    b = _unit(second - (second * a).sum(-1, keepdim=True) * a)
    return torch.stack([a, b, torch.linalg.cross(a, b)], dim=-1)


def _align(rest: tuple[Tensor, Tensor], seen: tuple[Tensor, Tensor]) -> Tensor:
    """Rotation that takes two rest directions to two seen ones, the first exactly; upright where nothing is seen."""
    turned = _frame(*seen) @ _frame(*(r.expand_as(s) for r, s in zip(rest, seen, strict=True))).transpose(-1, -2)
    upright = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=turned.dtype))
    return torch.where((torch.linalg.det(turned) > 0.5)[..., None, None], turned, upright)


def _hinge(upper: Tensor, lower: Tensor, usual: Tensor) -> Tensor:
    """Axis about which a two-bone limb is bent; the usual one where it is nearly straight or would bend backwards."""
    bend = torch.linalg.cross(_unit(upper), _unit(lower))
    usual = _unit(usual - (usual * _unit(upper)).sum(-1, keepdim=True) * _unit(upper))
    forward = (bend * usual).sum(-1, keepdim=True)
    share = (bend.norm(dim=-1, keepdim=True) * 2).clamp(0, 1) * torch.sigmoid(12 * (forward + 0.15))
    return _unit(share * _unit(bend) + (1 - share) * usual)


def _limb(
    rest: Tensor, seen: tuple[Tensor, Tensor, Tensor], chain: tuple[int, int, int], above: Tensor, axis: Tensor
) -> tuple[Tensor, Tensor]:
    """Global rotations of the two bones of a limb.

    Args:
        rest: rest joints `[22,3]`.
        seen: places of the limb's three joints, each `[N,3]`.
        chain: the limb's joints.
        above: global rotation that carries the limb, `[N,3,3]`.
        axis: rest direction of the hinge, `[3]`, about which the limb flexes.
    """
    upper, lower = seen[1] - seen[0], seen[2] - seen[1]
    upper_rest, lower_rest = rest[chain[1]] - rest[chain[0]], rest[chain[2]] - rest[chain[1]]
    swung = (above @ upper_rest[:, None])[..., 0]
    carry = roma.rotvec_to_rotmat(shortest_turn(swung, upper)) @ above
    hinge = _hinge(upper, lower, (carry @ axis[:, None])[..., 0])
    return _align((upper_rest, axis), (upper, hinge)), _align((lower_rest, axis), (lower, hinge))


def _share_turn(rotation: Tensor, parts: int) -> Tensor:
    return roma.rotvec_to_rotmat(roma.rotmat_to_rotvec(rotation) / parts)


def body_rotations(figure: Figure, betas: Tensor, landmarks: Tensor) -> Tensor:
    """Rotations from landmarks in 3D.

    Args:
        figure: joints and landmark places.
        betas: `[10]`.
        landmarks: `[N,33,3]`, metres, axes of the camera.

    Returns:
        `[N,22,3,3]`: the pelvis to the camera, then local rotations.
    """
    rest, rest_points = figure.rest(betas)

    def at(name: str) -> Tensor:
        return landmarks[:, INDEX[name]]

    def middle(points: Tensor, part: str) -> Tensor:
        return 0.5 * (points[..., INDEX[f"left_{part}"], :] + points[..., INDEX[f"right_{part}"], :])

    def across(points: Tensor, part: str) -> Tensor:
        return points[..., INDEX[f"left_{part}"], :] - points[..., INDEX[f"right_{part}"], :]

    trunk_rest = middle(rest_points, "shoulder") - middle(rest_points, "hip")
    trunk = middle(landmarks, "shoulder") - middle(landmarks, "hip")
    turned: dict[int, Tensor] = {}
    turned[0] = _align((across(rest_points, "hip"), trunk_rest), (across(landmarks, "hip"), trunk))
    chest = _align((across(rest_points, "shoulder"), trunk_rest), (across(landmarks, "shoulder"), trunk))
    third = _share_turn(turned[0].transpose(-1, -2) @ chest, 3)
    for lower, upper in (("pelvis", "spine1"), ("spine1", "spine2"), ("spine2", "spine3")):
        turned[_J[upper]] = turned[_J[lower]] @ third
    face_rest = rest_points[INDEX["nose"]] - middle(rest_points, "ear")
    head = _align(
        (across(rest_points, "ear"), face_rest), (across(landmarks, "ear"), at("nose") - middle(landmarks, "ear"))
    )
    half = _share_turn(chest.transpose(-1, -2) @ head, 2)
    turned[_J["neck"]] = chest @ half
    turned[_J["head"]] = turned[_J["neck"]] @ half
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turned[_J[f"{side}_collar"]] = chest
        arm = tuple(_J[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
        axis = torch.tensor([0.0, -sign, 0.0], dtype=rest.dtype)
        seen = tuple(at(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist"))
        turned[arm[0]], turned[arm[1]] = _limb(rest, seen, arm, chest, axis)
        turned[arm[2]] = turned[arm[1]]
        leg = tuple(_J[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        axis = torch.tensor([1.0, 0.0, 0.0], dtype=rest.dtype)
        seen = tuple(at(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        turned[leg[0]], turned[leg[1]] = _limb(rest, seen, leg, turned[0], axis)
        foot_rest = rest_points[INDEX[f"{side}_foot_index"]] - rest_points[INDEX[f"{side}_heel"]]
        foot = at(f"{side}_foot_index") - at(f"{side}_heel")
        hinge = turned[leg[1]][..., 0]
        turned[leg[2]] = _align((foot_rest, axis), (foot, hinge))
        turned[_J[f"{side}_foot"]] = turned[leg[2]]
    every = torch.stack([turned[j] for j in range(len(BODY_JOINTS))], dim=1)
    above = every[:, [max(p, 0) for p in BODY_PARENTS]].transpose(-1, -2) @ every
    return torch.cat([every[:, :1], above[:, 1:]], dim=1)


def encode(prior: MotionPrior, rotations: Tensor, joint_weights: Tensor | None = None) -> Tensor:
    """Pose coordinates `[N,D]` of local rotations `[N,22,3,3]`: the most probable ones given their errors.

    Args:
        prior: the pose space.
        rotations: the pelvis' first, which does not count.
        joint_weights: `[N,21]`, 0..1; joints of little weight follow from the others. None: all count alike.
    """
    x = roma.rotmat_to_rotvec(prior.mean.transpose(-1, -2) @ rotations[:, 1:]).flatten(1) - prior.offset
    eye = torch.eye(prior.dims, dtype=x.dtype) * _ENCODING_NOISE**2
    weight = torch.ones_like(x) if joint_weights is None else joint_weights.repeat_interleave(3, dim=-1) ** 2
    gram = prior.basis.T @ (prior.basis * weight[..., None]) + eye
    return torch.linalg.solve(gram, ((weight * x) @ prior.basis)[..., None])[..., 0].clamp(-4, 4)


def _weights_of_joints(weights: Tensor) -> Tensor:
    """Weights of the rotations of joints 1..21 `[N,21]` from those of the landmarks `[N,33]` they were read from."""

    def least(*names: str) -> Tensor:
        return torch.stack([weights[:, INDEX[name]] for name in names]).amin(dim=0)

    trunk = least("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    out = []
    for joint in BODY_JOINTS[1:]:
        side = joint.split("_")[0]
        if "_" not in joint:
            face = joint in ("neck", "head")
            out.append(least("left_ear", "right_ear", "nose") if face else trunk)
            continue
        ends = {
            "hip": ("hip", "knee"), "knee": ("hip", "knee", "ankle"), "ankle": ("knee", "ankle", "foot_index"),
            "foot": ("ankle", "foot_index"), "collar": ("shoulder",), "shoulder": ("shoulder", "elbow"),
            "elbow": ("shoulder", "elbow", "wrist"), "wrist": ("elbow", "wrist"),
        }[joint.split("_")[1]]  # fmt: skip
        out.append(least(*(f"{side}_{end}" for end in ends)))
    return torch.stack(out, dim=-1)


def place_pelvis(points: Tensor, rays: Tensor, weights: Tensor) -> Tensor:
    """Where the pelvis must be for a rigid figure's points to lie on their rays (linear least squares).

    Args:
        points: `[N,P,3]`, relative to the pelvis.
        rays: `[N,P,2]`.
        weights: `[N,P]`.

    Returns:
        pelvis `[N,3]`, metres.
    """
    one = torch.ones_like(rays[..., 0])
    zero = torch.zeros_like(one)
    u, v = rays.unbind(-1)
    A = torch.stack([torch.stack([one, zero, -u], -1), torch.stack([zero, one, -v], -1)], dim=-2)
    b = rays * points[..., 2:] - points[..., :2]
    w = weights[..., None, None] ** 2
    gram = (A.transpose(-1, -2) @ (A * w)).sum(1)
    right = (A.transpose(-1, -2) @ (b[..., None] * w)).sum(1)
    gram = gram + 1e-6 * torch.eye(3, dtype=gram.dtype)
    return torch.linalg.solve(gram, right)[..., 0]


def initialise(
    figure: Figure, prior: MotionPrior, betas: Tensor, landmarks: Tensor, rays: Tensor, weights: Tensor, smooth: Tensor
) -> InitialMotion:
    """Rotations and pelvis of N frames from world landmarks turned into the camera's axes.

    Args:
        figure, prior: the body's figure and the pose space.
        betas: `[10]`.
        landmarks: `[N,33,3]`, finite.
        rays, weights: `[N,33,2]`, `[N,33]`; weights 0 where a landmark was not seen.
        smooth: `[N,33]`, weights of the smoothed `landmarks`.
    """
    rotations = body_rotations(figure, betas, landmarks)
    _, points, _ = figure.pose(betas, rotations, torch.zeros(len(rotations), 3, dtype=rotations.dtype))
    pelvis = place_pelvis(points, rays, weights)
    return InitialMotion(pelvis, rotations[:, 0], encode(prior, rotations, _weights_of_joints(smooth)), rotations)
