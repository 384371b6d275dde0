"""Clothes, shoes and hair for the figure: shells lifted off its skin, painted per vertex (numpy only).

Every part is rest-pose geometry with skin weights, so that it is posed exactly like the body under it.
"""

from dataclasses import dataclass

import numpy as np
from figure import Array, Figure
from numpy.typing import NDArray

SKIN, LIPS, BROW = (0.56, 0.33, 0.235), (0.42, 0.17, 0.14), (0.07, 0.045, 0.03)
WHITE, IRIS = (0.75, 0.74, 0.72), (0.05, 0.035, 0.03)
SHIRT, TROUSERS, HAIR = (0.10, 0.27, 0.36), (0.055, 0.06, 0.085), (0.055, 0.033, 0.02)
SHOES, SOLES = (0.30, 0.045, 0.04), (0.7, 0.7, 0.68)
NECK, HEAD = 12, 15
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Part:
    """name; vertices `[N,3]` rest pose; weights `[N,J]`; faces `[M,3|4]`; colour `[N,3]` linear; roughness."""

    name: str
    vertices: Array
    weights: Array
    faces: NDArray[np.int64]
    colour: Array
    roughness: float


def dress(figure: Figure) -> list[Part]:
    """All visible parts of a clothed figure, from the body in its zero pose."""
    v, normals = figure.vertices, vertex_normals(figure.vertices, figure.faces)
    joints = figure.joints
    head = figure.weights[:, [NECK, HEAD, 22, 23, 24]].sum(1)
    arm = np.abs(v[:, 0]) / abs(joints[18, 0])  # 1 at the elbow
    floor = v[:, 1].min()
    waist, crotch = joints[0, 1] + 0.02, joints[1, 1] - 0.08

    from_neck = np.hypot(v[:, 0], v[:, 2] - joints[NECK, 2] + 0.01)
    collar = joints[NECK, 1] - 0.022 - 0.25 * (v[:, 2] - joints[NECK, 2])  # lower in front
    shirt = (v[:, 1] > crotch + 0.035) & (arm < 0.78) & (head < 0.6) & ~((v[:, 1] > collar) & (from_neck < 0.080))
    trousers = (v[:, 1] < waist + 0.05) & (v[:, 1] > floor + 0.045) & (arm < 0.8)

    down = np.clip((waist + 0.25 - v[:, 1]) / 0.35, 0, 1)
    loose_shirt = 0.008 + 0.025 * down + 0.008 * np.clip(arm - 0.45, 0, 0.3) / 0.3
    loose_legs = 0.008 + 0.026 * np.clip((joints[1, 1] - v[:, 1]) / 0.7, 0, 1)
    parts = [
        _hem(_shell("shirt", figure, normals, shirt, loose_shirt, SHIRT, 0.85, rounds=30), crotch + 0.035),
        _shell("trousers", figure, normals, trousers, loose_legs, TROUSERS, 0.9, rounds=18),
        *(_shoe(figure, side, floor) for side in (0, 1)),
    ]
    covered = _shrink(figure.faces, shirt, 2) | _shrink(figure.faces, trousers, 2) | (v[:, 1] < floor + 0.05)

    eye_y = v[figure.points["left_eye"], 1]
    front, back = v[head > 0.5, 2].max(), v[head > 0.5, 2].min()
    along = np.clip((v[:, 2] - back) / (front - back), 0, 1)  # 0 at the nape, 1 at the forehead
    line = eye_y - 0.085 + 0.135 * np.clip((along - 0.20) / 0.38, 0, 1) ** 0.8
    ears = (np.abs(v[:, 0]) > 0.93 * v[figure.points["left_ear"], 0]) & (v[:, 1] < eye_y + 0.03)
    hair = (head > 0.6) & (v[:, 1] > line) & ~ears
    thick = 0.005 + 0.02 * np.clip((v[:, 1] - line) / 0.04, 0, 1)
    parts.append(_shell("hair", figure, normals, hair, thick, HAIR, 0.6, rounds=10))

    parts.append(_body(figure, covered))
    return parts


def vertex_normals(vertices: Array, faces: NDArray[np.int64]) -> Array:
    """Area-weighted unit normals `[V,3]`."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    out = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(out, faces[:, k], face)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def _edges(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)


def _rim(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Vertices on open edges."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges, uses = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    return np.unique(edges[uses == 1])


def _shrink(faces: NDArray[np.int64], mask: Mask, rings: int) -> Mask:
    """Vertices of a region that lie more than so many rings inside it."""
    edges, mask = _edges(faces), mask.copy()
    for _ in range(rings):
        outside = ~mask[edges]
        mask[edges[outside.any(1)].ravel()] = False
    return mask


def _shell(
    name: str, figure: Figure, normals: Array, region: Mask, lift: Array, colour: tuple, roughness: float, rounds: int
) -> Part:
    """A copy of a skin region, lifted along the normals and evened out; at least 60 % of the lift stays."""
    faces = figure.faces[region[figure.faces].all(1)]
    used, index = np.unique(faces, return_inverse=True)
    faces = index.reshape(faces.shape)  # numpy 2.0 and 1.26 shape the inverse differently
    skin, outward, height = figure.vertices[used], normals[used], lift[used, None]
    cloth = skin + outward * height
    # Each vertex moves towards its neighbours, the rim only along itself, or the cloth would shrink.
    rim = np.isin(np.arange(len(used)), _rim(faces))
    pairs = np.concatenate([_edges(faces), _edges(faces)[:, ::-1]])
    pairs = pairs[~rim[pairs[:, 0]] | rim[pairs[:, 1]]]
    degree = np.bincount(pairs[:, 0], minlength=len(used))[:, None]
    for _ in range(rounds):
        total = np.zeros_like(cloth)
        np.add.at(total, pairs[:, 0], cloth[pairs[:, 1]])
        cloth = 0.5 * cloth + 0.5 * total / degree
        above = ((cloth - skin) * outward).sum(1, keepdims=True)
        cloth += outward * np.maximum(0.6 * height - above, 0)
    return Part(name, cloth, figure.weights[used], faces, np.tile(colour, (len(used), 1)), roughness)


def _hem(shirt: Part, height: float) -> Part:
    """Draw the lower rim of the shirt to one height."""
    rim = _rim(shirt.faces)
    low = rim[shirt.vertices[rim, 1] < height + 0.08]
    shirt.vertices[low, 1] = height
    return shirt


def _shoe(figure: Figure, side: int, floor: float) -> Part:
    """A shoe lofted around the foot: convex cross-sections from heel to toe, flat on the floor."""
    ankle, toe = ((7, 10), (8, 11))[side]
    foot = figure.vertices[figure.weights[:, [ankle, toe]].sum(1) > 0.5]
    foot = foot[foot[:, 1] < floor + 0.085]
    first, last = foot[:, 2].min() - 0.004, foot[:, 2].max() + 0.008
    around = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    directions = np.stack([np.cos(around), np.sin(around)], 1)
    rings, ring_z = [], first + (last - first) * (1 - np.cos(np.linspace(0.12, np.pi - 0.12, 26))) / 2
    for z in ring_z:
        near = foot[np.abs(foot[:, 2] - np.clip(z, first + 0.02, last - 0.03)) < 0.018][:, :2]
        centre = np.array([near[:, 0].mean(), (near[:, 1].min() + near[:, 1].max()) / 2])
        support = ((near - centre) @ directions.T).max(0) + 0.008
        facing = directions @ directions.T
        reach = np.where(facing > 0.05, support[None] / np.maximum(facing, 0.05), np.inf).min(1)  # the hull's radius
        # Heel and toe cap round off towards both ends.
        end = min(z - first, last - z)
        round_off = np.sqrt(np.clip(1 - (1 - np.clip(end / 0.035, 0, 1)) ** 2, 0.02, 1))
        ring = centre + directions * reach[:, None] * [round_off, 0.35 + 0.65 * round_off]
        rings.append(np.column_stack([ring[:, 0], np.clip(ring[:, 1], floor, None), np.full(32, z)]))
    vertices = np.concatenate([*rings, [rings[0].mean(0), rings[-1].mean(0)]])
    quads = [
        (32 * r + k, 32 * r + (k + 1) % 32, 32 * (r + 1) + (k + 1) % 32, 32 * (r + 1) + k)
        for r in range(25)
        for k in range(32)
    ]
    caps = [(32 * 26, (k + 1) % 32, k, k) for k in range(32)]
    caps += [(32 * 26 + 1, 32 * 25 + k, 32 * 25 + (k + 1) % 32, 32 * 25 + (k + 1) % 32) for k in range(32)]
    forward = np.clip((vertices[:, 2] - figure.joints[toe, 2] + 0.02) / 0.04, 0, 1)
    weights = np.zeros((len(vertices), len(figure.joints)))
    weights[:, toe], weights[:, ankle] = forward, 1 - forward
    sole = vertices[:, 1] < floor + 0.018
    colour = np.where(sole[:, None], SOLES, SHOES)
    return Part(f"shoe{side}", vertices, weights, np.array(quads + caps), colour, 0.6)


def _body(figure: Figure, covered: Mask) -> Part:
    """The skin that shows, with brows, lips and eyes painted on."""
    v = figure.vertices
    colour = np.tile(SKIN, (len(v), 1)).astype(float)
    corner = v[figure.points["left_mouth"]]
    lips = (v[:, 0] / (corner[0] * 1.02)) ** 2 + ((v[:, 1] - corner[1] - 0.001) / 0.0085) ** 2
    colour[(lips < 1) & (v[:, 2] > corner[2] - 0.02)] = LIPS
    for side in ("left", "right"):
        inner, outer = (v[figure.points[f"{side}_eye_{end}"]] for end in ("inner", "outer"))
        across = (v[:, 0] - inner[0]) / (outer[0] - inner[0])
        height = v[:, 1] - inner[1] - 0.0245 + 0.012 * (across - 0.6) ** 2
        colour[(np.abs(height) < 0.004) & (across > -0.1) & (across < 1.15) & (v[:, 2] > outer[2] - 0.01)] = BROW
    for joint in (23, 24):
        ball = figure.weights[:, joint] > 0.5
        colour[ball] = WHITE
        from_centre = v - figure.joints[joint]
        ahead = from_centre[:, 2] / np.maximum(np.linalg.norm(from_centre, axis=1), 1e-9)
        colour[ball & (ahead > 0.88)] = IRIS
    faces = figure.faces[~covered[figure.faces].all(1)]
    return Part("skin", v, figure.weights, faces, colour, 0.5)
