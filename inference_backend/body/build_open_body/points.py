"""Named points on the open body's surface, found by geometry on the left side and mirrored to the right."""

import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import FINGERS, JOINTS

Array = NDArray[np.float64]


def surface_points(vertices: Array, joints: Array, weights: Array, mirror: NDArray[np.int64]) -> dict[str, int]:
    """Find the named points.

    Args:
        vertices, joints: the template in its zero pose, `[V,3]` and `[55,3]`, metres.
        weights: skin weights `[V,55]`.
        mirror: each vertex's partner on the other side, `[V]`.

    Returns:
        Vertex index of each point.
    """
    at = {name: joints[j] for j, name in enumerate(JOINTS)}
    floor = vertices[:, 1].min()

    def best(score: Array, chosen: NDArray[np.bool_]) -> int:
        return int(np.argmax(np.where(chosen, score, -np.inf)))

    def of(*names: str) -> NDArray[np.bool_]:
        return weights[:, [JOINTS.index(name) for name in names]].sum(axis=1) > 0.5

    x, y, z = vertices.T
    middle = mirror == np.arange(len(vertices))
    skin = weights[:, [JOINTS.index("left_eye_smplhf"), JOINTS.index("right_eye_smplhf")]].sum(axis=1) < 0.5
    face = of("head", "jaw") & skin
    front = face & middle & (z > at["head"][2])
    points = {
        "head_top": best(y, of("head") & middle),
        "nose": best(z, front & (y > at["jaw"][1]) & (y < at["left_eye_smplhf"][1])),
    }
    points["chin"] = best(z - 0.3 * y, front & (y < at["jaw"][1] - 0.05))

    foot = of("left_ankle", "left_foot") & (y < floor + 0.06)
    sole = foot & (y < floor + 0.012)
    ball = at["left_foot"]
    inner = x < ball[0]
    points["left_heel"] = best(-z, foot)
    points["left_big_toe"] = best(z, foot & (x < ball[0] - 0.02))
    points["left_small_toe"] = best(z, foot & (x > ball[0] + 0.03))
    points["left_sole_heel"] = best(-np.hypot(z - z[points["left_heel"]] - 0.025, x - at["left_ankle"][0]), sole)
    points["left_sole_big_ball"] = best(-np.hypot(z - ball[2], x - ball[0] + 0.025), sole & inner)
    points["left_sole_small_ball"] = best(-np.hypot(z - ball[2] + 0.015, x - ball[0] - 0.025), sole & ~inner)
    points["left_sole_toe"] = best(-np.hypot(z - z[points["left_big_toe"]] + 0.015, x - ball[0] + 0.025), sole & inner)

    for finger in FINGERS:
        base, tip = at[f"left_{finger}2"], at[f"left_{finger}3"]
        points[f"left_{finger}_tip"] = best(vertices @ (tip - base), of(f"left_{finger}3"))

    eye = at["left_eye_smplhf"]
    ball_of_eye = of("left_eye_smplhf")
    radius = np.linalg.norm(vertices[ball_of_eye] - eye, axis=1).mean()
    lids = face & (np.linalg.norm(vertices - eye, axis=1) < 1.35 * radius) & (z > eye[2]) & (abs(y - eye[1]) < 0.01)
    points["left_eye_inner"] = best(-x, lids)
    points["left_eye_outer"] = best(x, lids)
    points["left_eye"] = best(z, ball_of_eye)
    points["left_ear"] = best(x, face & (y > at["jaw"][1]))
    lip = face & (z > z[points["chin"]] - 0.03) & (x > 0.018) & (x < 0.035)
    points["left_mouth"] = best(-np.abs(weights[:, JOINTS.index("jaw")] - 0.5) - 3 * np.abs(x - 0.024), lip)

    for name, joint in (("left_elbow", "left_elbow"), ("left_knee", "left_knee"), ("left_wrist", "left_wrist")):
        along = x if joint != "left_knee" else y
        value = at[joint][0] if joint != "left_knee" else at[joint][1]
        ring = (np.abs(along - value) < 0.015) & (np.linalg.norm(vertices - at[joint], axis=1) < 0.12)
        points[f"{name}_front"] = best(z, ring)
        points[f"{name}_back"] = best(-z, ring)

    right = {name.replace("left_", "right_"): int(mirror[v]) for name, v in points.items() if name.startswith("left_")}
    return dict(sorted((points | right).items()))
