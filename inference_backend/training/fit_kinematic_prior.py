"""Fits the kinematic estimator's motion prior to the training split of the mocap.

    python -m inference_backend.training.fit_kinematic_prior --mocap DIR

Mean rotations, then a principal component analysis weighted by how far a joint moves what hangs on it, then a
second-order autoregressive process by least squares. Every clip is also taken mirrored.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from scipy.spatial.transform import Rotation

from ..protocol.skeleton import BODY_JOINTS
from ..stages.estimate.kinematic.prior import PRIOR_FILE
from .mocap import read_split
from .provenance import ACKNOWLEDGEMENT

DIMS = 40
WINDOW = 45
_JUMP = 2.0  # standard deviations a frame: a rotation vector that wrapped round, or a bad key
FIXED = ("left_foot", "right_foot", "left_collar", "right_collar")
"""Joints that the mocap does not move, or not in all of its families."""
# How far (metres, roughly) what hangs on a joint sticks out from it: errors of rotation count by what they move.
_REACH = {
    "hip": 0.6,
    "knee": 0.4,
    "ankle": 0.15,
    "spine1": 0.6,
    "spine2": 0.6,
    "spine3": 0.6,
    "neck": 0.2,
    "head": 0.15,
}
_REACH |= {"shoulder": 0.4, "elbow": 0.3, "wrist": 0.12}

Array = NDArray[np.float64]


def _mirror_order() -> list[int]:
    swap = {"left": "right", "right": "left"}
    return [BODY_JOINTS.index("_".join(swap.get(w, w) for w in name.split("_"))) for name in BODY_JOINTS]


def mirror(rotations: Array) -> Array:
    """Reflect body rotations `[...,22,3,3]` left to right (through the plane x = 0)."""
    flip = np.diag([-1.0, 1.0, 1.0])
    return flip @ rotations[..., _mirror_order(), :, :] @ flip


def _mean_rotation(rotations: Array) -> Array:
    u, _, vt = np.linalg.svd(rotations.mean(axis=0))
    u[..., :, 2] *= np.linalg.det(u @ vt)[..., None]
    return u @ vt


def _moving() -> NDArray[np.bool_]:
    return np.repeat([name not in FIXED for name in BODY_JOINTS[1:]], 3)


def _pose_space(poses: list[Array], dims: int) -> tuple[Array, Array, Array]:
    """Mean rotations `[21,3,3]`, offset `[63]` and basis `[63,D]` from clips of `[T,21,3,3]`."""
    every = np.concatenate([p[::6] for p in poses])
    mean = _mean_rotation(every)
    x = coordinates(every, mean)
    reach = np.repeat([next((r for k, r in _REACH.items() if k in name), 1.0) for name in BODY_JOINTS[1:]], 3)
    moving = _moving()
    offset = np.where(moving, x.mean(axis=0), 0.0)
    weighted = ((x - offset) * reach)[:, moving]
    values, vectors = np.linalg.eigh(weighted.T @ weighted / len(weighted))
    keep = np.argsort(values)[::-1][:dims]
    basis = np.zeros((63, dims))
    basis[moving] = vectors[:, keep] * np.sqrt(values[keep]) / reach[moving, None]
    return mean, offset, basis


def coordinates(poses: Array, mean: Array) -> Array:
    """Rotation vectors of joints 1..21 relative to their means, `[T,63]`."""
    relative = np.swapaxes(mean, -1, -2) @ poses
    return Rotation.from_matrix(relative.reshape(-1, 3, 3)).as_rotvec().reshape(len(poses), -1)


def encode(poses: Array, mean: Array, offset: Array, basis: Array) -> Array:
    """Pose coordinates z `[T,D]` of local rotations `[T,21,3,3]` (least squares, weighted as the pose space is)."""
    reach = np.repeat([next((r for k, r in _REACH.items() if k in name), 1.0) for name in BODY_JOINTS[1:]], 3)
    weighted = basis * reach[:, None]
    return ((coordinates(poses, mean) - offset) * reach) @ np.linalg.pinv(weighted).T


def fit_process(clips: list[Array]) -> dict[str, Array]:
    """Second-order autoregressive process over clips of pose coordinates `[T,D]`, by least squares.

    Returns:
        transition `[D,2D+1]`, precision `[D,D]` of its innovations, and the Gaussian over two neighbouring frames:
        start_mean `[2D]`, start_precision `[2D,2D]`.
    """
    dims = clips[0].shape[1]
    gram, cross, square = np.zeros((2 * dims + 1,) * 2), np.zeros((2 * dims + 1, dims)), np.zeros((dims, dims))
    pairs, count = [], 0
    for z in clips:
        for window in _smooth_windows(z):
            past = np.concatenate([window[:-2], window[1:-1], np.ones((len(window) - 2, 1))], axis=1)
            gram += past.T @ past
            cross += past.T @ window[2:]
            square += window[2:].T @ window[2:]
            count += len(past)
            pairs.append(np.concatenate([window[:-1:6], window[1::6]], axis=1))
    transition = np.linalg.solve(gram + 1e-6 * count * np.eye(len(gram)), cross).T
    explained = transition @ cross
    covariance = (square - explained - explained.T + transition @ gram @ transition.T) / count
    both = np.concatenate(pairs)
    return {
        "transition": transition,
        "precision": np.linalg.inv(covariance + 1e-6 * np.eye(dims)),
        "start_mean": both.mean(axis=0),
        "start_precision": np.linalg.inv(np.cov(both.T) + 1e-4 * np.eye(2 * dims)),
    }


def _smooth_windows(z: Array) -> list[Array]:
    """The stretches of a clip, of `WINDOW` frames, without jumps."""
    windows = [z[a : a + WINDOW] for a in range(0, len(z) - WINDOW + 1, WINDOW - 2)]
    return [w for w in windows if np.abs(np.diff(w, axis=0)).max() < _JUMP]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fit the motion prior of the kinematic estimator.")
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the packs cmu_*_train.npz")
    parser.add_argument("--out", type=Path, default=PRIOR_FILE)
    parser.add_argument("--dims", type=int, default=DIMS, help="pose coordinates")
    arguments = parser.parse_args()
    poses = []
    for clip in read_split(arguments.mocap, "train"):
        poses += [clip.rotations[:, 1:], mirror(clip.rotations)[:, 1:]]
    print(len(poses), "clips with their mirror images,", sum(map(len, poses)), "frames")
    mean, offset, basis = _pose_space(poses, arguments.dims)
    clips = [encode(p, mean, offset, basis) for p in poses if len(p) >= WINDOW]
    tensors = {"mean": mean, "offset": offset, "basis": basis} | fit_process(clips)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "licence": "CC0-1.0",
        "made_by": "inference_backend.training.fit_kinematic_prior",
        "data": "CMU motion capture, training split",
        "acknowledgement": ACKNOWLEDGEMENT,
    }
    save_file({k: torch.from_numpy(v).float().contiguous() for k, v in tensors.items()}, arguments.out, metadata)
    digest = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    print(arguments.out, arguments.out.stat().st_size, "bytes, sha256", digest)


if __name__ == "__main__":
    main()
