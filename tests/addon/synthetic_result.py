"""Hand-made results of the open body, and a plain numpy body to judge Blender by."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from recover_motion.inference_backend.protocol.skeleton import JOINTS, PARENTS

OPEN_BODY = Path(__file__).resolve().parents[2] / "inference_backend" / "body" / "SMPLX_OPEN.npz"


def rotation(vectors):
    """Rodrigues' formula: matrices `[...,3,3]` of axis-angle vectors `[...,3]`."""
    vectors = np.asarray(vectors, dtype=np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors / np.maximum(angle[..., 0], 1e-12), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


class PlainBody:
    """SMPL-X's linear blend skinning, written out: shape, joints, kinematic chain, weighted transforms."""

    def __init__(self):
        with np.load(OPEN_BODY) as file:
            self.v_template = file["v_template"].astype(np.float64)
            self.faces = file["f"]
            self.shapedirs = file["shapedirs"][..., :10].astype(np.float64)
            self.regressor = file["J_regressor"].astype(np.float64)
            self.weights = file["weights"].astype(np.float64)
            self.point_names, self.point_indices = file["point_names"], file["point_indices"]
            self.pose_correctives = bool(file["pose_correctives"])

    def shaped(self, betas):
        vertices = self.v_template + self.shapedirs @ betas
        return vertices, self.regressor @ vertices

    def chain(self, rest, local):
        """World rotations `[...,55,3,3]` and joints `[...,55,3]` of `local` `[...,55,3]`, pelvis at its rest place."""
        turns = rotation(local)
        places = np.broadcast_to(rest, (*turns.shape[:-2], 3)).copy()
        for joint in range(1, 55):
            parent = PARENTS[joint]
            bone = turns[..., parent, :, :] @ (rest[joint] - rest[parent])
            places[..., joint, :] = places[..., parent, :] + bone
            turns[..., joint, :, :] = turns[..., parent, :, :] @ turns[..., joint, :, :]
        return turns, places

    def forward(self, betas, local, transl):
        """Vertices `[V,3]` and joints `[55,3]` for local rotations `[55,3]` (axis-angle) and `transl` `[3]`."""
        vertices, rest = self.shaped(betas)
        turns, places = self.chain(rest, local)
        moved = np.einsum("jab,vb->vja", turns, vertices) + (places - np.einsum("jab,jb->ja", turns, rest))
        return np.einsum("vj,vja->va", self.weights, moved) + transl, places + transl


@dataclass
class Clip:
    """What a synthetic result says."""

    time_s: np.ndarray
    fps: float = 30.0
    size_wh: tuple[int, int] = (1280, 720)
    K: np.ndarray | None = None
    R_cam_to_world: np.ndarray | None = None
    cam_pos_world: np.ndarray | None = None
    shot_id: np.ndarray | None = None
    first_index: int = 0
    dist: np.ndarray = field(default_factory=lambda: np.zeros(5))
    people: dict = field(default_factory=dict)


def smooth_noise(rng, count, shape, size, waves=3):
    """Sums of slow sines `[count, *shape]` of about `size`."""
    t = np.linspace(0, 1, count).reshape(-1, *[1] * (len(shape) + 1))
    speed = rng.uniform(0.5, max(count / 40, 1.0), (*shape, waves))
    phase = rng.uniform(0, 2 * np.pi, (*shape, waves))
    return size * np.sin(2 * np.pi * speed * t + phase).sum(-1) / np.sqrt(waves)


def random_motion(rng, count, *, bend=0.35, hands=0.3, turns=1.5):
    """A person who wanders and turns: arrays as in the result file, without prefix."""
    heading = turns * 2 * np.pi * np.linspace(0, 1, count) + 3.0
    yaw = rotation(np.stack([np.zeros(count), heading, np.zeros(count)], axis=-1))
    lean = rotation(smooth_noise(rng, count, (3,), 0.2))
    walk = smooth_noise(rng, count, (3,), 0.5) * [1, 0.05, 1] + [0.0, 1.25, 0.0]
    return {
        "global_orient": rotation_vector(yaw @ lean),
        "body_pose": smooth_noise(rng, count, (21, 3), bend),
        "left_hand_pose": np.tile(rng.normal(0, hands, (15, 3)), (count, 1, 1)),
        "right_hand_pose": np.tile(rng.normal(0, hands, (15, 3)), (count, 1, 1)),
        "transl": walk,
    }


def rotation_vector(matrices):
    """Axis-angle `[...,3]` of rotation matrices that do not turn by exactly half a circle."""
    angle = np.arccos(np.clip((np.trace(matrices, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    skew = np.stack(
        [
            matrices[..., 2, 1] - matrices[..., 1, 2],
            matrices[..., 0, 2] - matrices[..., 2, 0],
            matrices[..., 1, 0] - matrices[..., 0, 1],
        ],
        axis=-1,
    )
    return skew * (0.5 / np.maximum(np.sinc(angle / np.pi), 1e-9))[..., None]


def local_rotations(motion):
    """Axis-angle `[T,55,3]` of a motion."""
    face = np.zeros((len(motion["transl"]), 3, 3))
    parts = [motion["global_orient"][:, None], motion["body_pose"], face]
    return np.concatenate([*parts, motion["left_hand_pose"], motion["right_hand_pose"]], axis=1)


def write_result(folder: Path, clip: Clip, body: PlainBody) -> tuple[Path, Path]:
    """Write `result.npz` and `body.npz`; `clip.people` maps an id to a dict with `motion` and optionally
    `betas`, `valid`, `raw`, `confidence`."""
    count = len(clip.time_s)
    width, height = clip.size_wh
    K = np.array([[1.1 * width, 0, width / 2], [0, 1.1 * width, height / 2], [0, 0, 1.0]])
    R = np.diag([1.0, -1.0, -1.0])  # 5 m in front of the origin, 1.3 m high, looking back at it
    result = {
        "format_version": 1,
        "time_s": clip.time_s,
        "frame_index": np.arange(count) + clip.first_index,
        "fps": clip.fps,
        "size_wh": np.array(clip.size_wh),
        "shot_id": np.zeros(count, dtype=np.int64) if clip.shot_id is None else clip.shot_id,
        "K": np.tile(K, (count, 1, 1)) if clip.K is None else clip.K,
        "dist": clip.dist,
        "R_cam_to_world": np.tile(R, (count, 1, 1)) if clip.R_cam_to_world is None else clip.R_cam_to_world,
        "cam_pos_world": np.tile([0.0, 1.3, 5.0], (count, 1)) if clip.cam_pos_world is None else clip.cam_pos_world,
        "floor_y": 0.0,
        "body_name": "SMPLX_OPEN",
        "body_sha256": "0" * 64,
        "estimator": "kinematic",
        "warnings": np.array([], dtype="U1"),
        "person_ids": np.array(sorted(clip.people)),
    }
    shapes = {
        "v_template": body.v_template,
        "faces": body.faces,
        "shapedirs": body.shapedirs,
        "lbs_weights": body.weights,
        "J_template": body.regressor @ body.v_template,
        "J_shapedirs": np.einsum("jv,vac->jac", body.regressor, body.shapedirs),
        "joint_names": np.array(JOINTS),
        "parents": np.array(PARENTS),
        "body_name": "SMPLX_OPEN",
        "body_sha256": "0" * 64,
        "left_hand_pose": np.zeros((15, 3)),
        "right_hand_pose": np.zeros((15, 3)),
        "person_ids": result["person_ids"],
        "point_names": body.point_names,
        "point_indices": body.point_indices,
    }
    for i, person in clip.people.items():
        betas = np.asarray(person.get("betas", np.zeros(10)), dtype=np.float64)
        vertices, rest = body.shaped(betas)
        motion, valid = person["motion"], person.get("valid", np.ones(count, dtype=bool))
        joints = body.chain(rest, local_rotations(motion))[1][:, :22] + motion["transl"][:, None]
        R_world, p_world = result["R_cam_to_world"], result["cam_pos_world"]
        result |= {f"p{i}_{key}": array for key, array in motion.items()}
        for key, array in person.get("raw", motion).items():
            if "hand" not in key:
                result[f"p{i}_raw_{key}"] = array
        result |= {
            f"p{i}_betas": betas,
            f"p{i}_valid": valid,
            f"p{i}_joints_world": joints,
            f"p{i}_raw_joints_world": joints,
            f"p{i}_joints_camera": np.einsum("tba,tjb->tja", R_world, joints - p_world[:, None]),
            f"p{i}_contact": np.zeros((count, 4), dtype=bool),
            f"p{i}_confidence": person.get("confidence", np.ones((count, 22), dtype=np.float32)),
            f"p{i}_box": np.tile(np.array([0, 0, width, height], dtype=np.float32), (count, 1)),
        }
        shapes |= {f"p{i}_betas": betas, f"p{i}_vertices": vertices, f"p{i}_rest_joints": rest}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "result.npz", **result)
    np.savez(folder / "body.npz", **shapes)
    return folder / "result.npz", folder / "body.npz"
