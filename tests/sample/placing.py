"""Fits the recorded motion to a body: scale, floor, and feet that stand still while they carry weight (numpy only).

Only rotations and the hip midpoint are taken from the recording. Each foot is then laid flat while heel and ball both
rest, pivoted about heel or ball while only one does, and the legs follow by two-bone inverse kinematics. So the contact
labels are exact by construction.
"""

from dataclasses import dataclass

import numpy as np
from figure import Array, Figure, matrices, relaxed_hands, rotvecs
from numpy.typing import NDArray

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))  # hip, knee, ankle, foot (toe joint); left, right
UP = np.array([0.0, 1.0, 0.0])
REACH = 0.996  # of the straight leg: nobody walks with locked knees


@dataclass(frozen=True)
class Placed:
    """local `[T,55,3,3]`; transl `[T,3]` (SMPL-X); contact bool `[T,4]`: left heel, left toe, right heel, right toe."""

    local: Array
    transl: Array
    contact: NDArray[np.bool_]


def place(
    figure: Figure, rotvec: Array, hips: Array, leg_m: float, yaw: float, centre_xz: tuple[float, float]
) -> Placed:
    """Put a recorded motion on the body.

    Args:
        figure: the body.
        rotvec: `[T,22,3]` recorded local rotations relative to a T-pose.
        hips: `[T,3]` recorded midpoint of the hip joints, metres, y up.
        leg_m: thigh plus shin of the recorded person, metres.
        yaw: turn of the whole motion about y, radians.
        centre_xz: where the middle of the path comes to lie, metres.
    """
    count = len(rotvec)
    local = np.broadcast_to(matrices(relaxed_hands(len(figure.joints))), (count, len(figure.joints), 3, 3)).copy()
    local[:, :22] = matrices(rotvec.astype(np.float64))
    turn = matrices(np.array([0.0, yaw, 0.0]))
    local[:, 0] = turn @ local[:, 0]
    thigh_shin = [np.linalg.norm(figure.joints[b] - figure.joints[a]) for a, b in ((1, 4), (4, 7))]
    path = (hips.astype(np.float64) @ turn.T) * (sum(thigh_shin) / leg_m)
    middle = (path.min(0) + path.max(0)) / 2
    path += [centre_xz[0] - middle[0], 0.0, centre_xz[1] - middle[2]]
    to_hips = figure.joints[[1, 2]].mean(0) - figure.joints[0]
    pelvis = path - local[:, 0] @ to_hips

    rotation, position = figure.kinematics(local, pelvis - figure.joints[0])
    pelvis[:, 1] -= np.percentile(_sole_heights(figure, rotation, position), 5)
    rotation, position = figure.kinematics(local, pelvis - figure.joints[0])

    contact = np.zeros((count, 4), bool)
    ankles = np.empty((count, 2, 3))
    feet = np.empty((count, 2, 2, 3, 3))  # global rotation of foot and toes
    for side, leg in enumerate(LEGS):
        step = _plant(figure, leg, rotation[:, leg[2]], position[:, leg[2]])
        ankles[:, side], feet[:, side, 0], feet[:, side, 1] = step.ankle, step.foot, step.toes
        contact[:, 2 * side], contact[:, 2 * side + 1] = step.heel, step.ball

    # The pelvis follows what the feet had to be moved by, slowly; then it sinks where a leg would be too short.
    moved = (ankles - position[:, [leg[2] for leg in LEGS]]).mean(1)
    pelvis += _smooth(moved, 8.0)
    for _ in range(3):
        hip_points = np.stack([pelvis + local[:, 0] @ (figure.joints[leg[0]] - figure.joints[0]) for leg in LEGS], 1)
        pelvis[:, 1] -= _sink(hip_points, ankles, REACH * sum(thigh_shin))
        placed = _with_legs(figure, local, pelvis, ankles, feet)
        rotation, position = figure.kinematics(placed, pelvis - figure.joints[0])
        ankles[..., 1] += _below_floor(figure, rotation, position)
    placed = _with_legs(figure, local, pelvis, ankles, feet)
    return Placed(placed, pelvis - figure.joints[0], contact)


def _foot_vertices(figure: Figure, ankle: int, toe: int) -> NDArray[np.int64]:
    return np.flatnonzero(figure.weights[:, [ankle, toe]].sum(1) > 0.6)


def _sole_points(figure: Figure, ankle: int, toe: int) -> tuple[Array, Array]:
    """Heel and ball on the sole, relative to the ankle, in the zero pose."""
    foot = figure.vertices[_foot_vertices(figure, ankle, toe)]
    sole = foot[foot[:, 1] < foot[:, 1].min() + 0.012]
    heel = sole[sole[:, 2] < sole[:, 2].min() + 0.015].mean(0)
    ball = sole[np.abs(sole[:, 2] - figure.joints[toe, 2]) < 0.02].mean(0)
    heel[1] = ball[1] = foot[:, 1].min()
    return heel - figure.joints[ankle], ball - figure.joints[ankle]


def _sole_heights(figure: Figure, rotation: Array, position: Array) -> Array:
    """Height of the lower foot's sole points `[T]`."""
    heights = []
    for _, _, ankle, toe in LEGS:
        for point in _sole_points(figure, ankle, toe):
            heights.append((position[:, ankle] + rotation[:, ankle] @ point)[:, 1])
    return np.min(heights, 0)


def _tidy(rests: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close gaps of up to 2 frames, drop runs of up to 3."""
    rests = rests.copy()
    for value, longest in ((False, 2), (True, 3)):
        for first, last in _runs(rests == value):
            if last - first <= longest and first > 0 and last < len(rests):
                rests[first:last] = not value
    return rests


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _smooth(values: Array, sigma: float) -> Array:
    """Gaussian along the first axis, ends held."""
    radius = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return sum(k * padded[i : i + len(values)] for i, k in enumerate(kernel / kernel.sum()))


def _between(values: Array, known: NDArray[np.bool_]) -> Array:
    """Fill frames `~known` of `[T,3]` with a smooth blend of the known neighbours; ends held."""
    frames = np.flatnonzero(known)
    if not len(frames):
        return np.zeros_like(values)
    out = np.stack([np.interp(np.arange(len(values)), frames, values[frames, axis]) for axis in range(3)], 1)
    for first, last in _runs(~known):
        if first > 0 and last < len(values):
            t = (np.arange(first, last) - first + 1) / (last - first + 1)
            ease = (t * t * (3 - 2 * t))[:, None]
            out[first:last] = values[first - 1] * (1 - ease) + values[last] * ease
    return out


@dataclass(frozen=True)
class _Step:
    ankle: Array  # [T,3]
    foot: Array  # [T,3,3] global
    toes: Array  # [T,3,3] global
    heel: NDArray[np.bool_]
    ball: NDArray[np.bool_]


def _plant(figure: Figure, leg: tuple[int, int, int, int], foot: Array, ankle: Array) -> _Step:
    """Decide when heel and ball of one foot rest, and how the foot stands then.

    Recorded ankles are poor in pitch (few markers on a foot), ankle positions are good. So on the ball the pitch is the
    one that puts the ball on the floor at the recorded height of the ankle, and on the whole foot it is zero.
    """
    heel_point, ball_point = _sole_points(figure, leg[2], leg[3])
    heel_path = ankle + foot @ heel_point
    heel = _tidy((heel_path[:, 1] < np.percentile(heel_path[:, 1], 8) + 0.045) & (_speed(heel_path) < 0.4))
    height = ankle[:, 1] - np.median(ankle[heel, 1])  # above its height on the whole foot

    forward = np.unwrap(np.arctan2(foot[:, 0, 2], foot[:, 2, 2]))
    radius, rest = np.hypot(ball_point[1], ball_point[2]), np.arctan2(-ball_point[1], ball_point[2])
    pitch = np.arcsin(np.clip((height - ball_point[1]) / radius, np.sin(rest), np.sin(1.45))) - rest
    on_ball = matrices(forward[:, None] * UP) @ matrices(pitch[:, None] * np.array([1.0, 0.0, 0.0]))
    ball_path = ankle + on_ball @ ball_point
    ball = _tidy((_speed(ball_path) < 0.45) & (pitch < 1.0) & ~_begins(heel, 3))
    for first, last in _runs(heel | ball):
        forward[first:last] = forward[first:last].mean()
    # The heel leaves as soon as the ankle rises, not when it is high.
    for _, last in _runs(heel):
        off = last
        while off > 0 and heel[off - 1] and pitch[off - 1] > 0.04 and last < len(heel):
            off -= 1
        heel[off:last] = False
    pitch[heel] = 0.0
    pitch = np.where(ball, _smooth(pitch, 1.2), 0.0)
    heel &= ~ball | (pitch < 0.01)
    heading = matrices(forward[:, None] * UP)
    on_ball = heading @ matrices(pitch[:, None] * np.array([1.0, 0.0, 0.0]))

    foot = matrices(_between(rotvecs(on_ball @ np.swapaxes(foot, -1, -2)), ball)) @ foot
    bend = np.where(ball, -pitch, 0.0)[:, None] * np.array([1.0, 0.0, 0.0])
    air = ~ball
    for first, _ in _runs(air):
        air[first : first + 6] = False  # the toes straighten within 6 frames after they leave the floor
    bend = _between(bend, ball | air)
    return _Step(_stand(ankle, foot, heel, ball, heel_point, ball_point), foot, foot @ matrices(bend), heel, ball)


def _speed(point: Array, fps: float = 30.0) -> Array:
    return np.linalg.norm(np.gradient(_smooth(point, 1.0), axis=0), axis=1) * fps


def _begins(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """The first few frames of each run: a foot comes down heel first."""
    out = np.zeros_like(mask)
    for first, _ in _runs(mask):
        if first > 0:
            out[first : first + frames] = True
    return out


def _stand(
    ankle: Array, foot: Array, heel: NDArray[np.bool_], ball: NDArray[np.bool_], heel_point: Array, ball_point: Array
) -> Array:
    """Ankle path `[T,3]`: in each stance the resting points stay where they are on the floor; smooth in between."""
    rests = heel | ball
    target = ankle.copy()
    for first, last in _runs(rests):
        flat = [t for t in range(first, last) if heel[t] and ball[t]] or list(range(first, last))
        middle = flat[len(flat) // 2]
        target[middle] = ankle[middle] + (ankle[flat] - ankle[middle]).mean(0)
        target[middle, 1] = -min((foot[middle] @ heel_point)[1], (foot[middle] @ ball_point)[1])
        for step, stop in ((1, last - 1), (-1, first)):
            t = middle
            while t != stop:
                pivot = ball_point if ball[t + step] and ball[t] else heel_point
                target[t + step] = target[t] + (foot[t] - foot[t + step]) @ pivot
                t += step
    return ankle + _between(target - ankle, rests)


def _sink(hips: Array, ankles: Array, reach: float) -> Array:
    """How far the pelvis must come down `[T]` so that both legs reach their ankles; smooth and never too little."""
    offset = hips - ankles
    level = (offset[..., [0, 2]] ** 2).sum(-1)
    needed = np.maximum(offset[..., 1] - np.sqrt(np.maximum(reach**2 - level, 0.01)), 0).max(1)
    wide = np.max([np.roll(np.pad(needed, 4, mode="edge"), k)[4:-4] for k in range(-4, 5)], axis=0)
    return _smooth(wide, 1.3)


def _below_floor(figure: Figure, rotation: Array, position: Array) -> Array:
    """How far each foot's lowest vertex is under the floor `[T,2]`, spread over neighbouring frames."""
    depth = np.zeros((len(rotation), 2))
    for side, (_, _, ankle, toe) in enumerate(LEGS):
        chosen = _foot_vertices(figure, ankle, toe)
        for t in range(len(rotation)):
            skinned = figure.skin(figure.vertices[chosen], figure.weights[chosen], rotation[t], position[t])
            depth[t, side] = max(0.0, -skinned[:, 1].min())
    return _smooth(depth, 0.8)


def _with_legs(figure: Figure, local: Array, pelvis: Array, ankles: Array, feet: Array) -> Array:
    """Local rotations `[T,J,3,3]` whose legs reach the ankles (two-bone inverse kinematics, knees bend as recorded)."""
    out = local.copy()
    rotation, position = figure.kinematics(local, pelvis - figure.joints[0])
    for side, (hip, knee, ankle, toe) in enumerate(LEGS):
        thigh, shin = figure.joints[knee] - figure.joints[hip], figure.joints[ankle] - figure.joints[knee]
        a, b = np.linalg.norm(thigh), np.linalg.norm(shin)
        aim = ankles[:, side] - position[:, hip]
        distance = np.minimum(np.linalg.norm(aim, axis=1), (a + b) * 0.9999)
        # Bend the recorded knee about its own hinge until the leg has the right length...
        hinge = rotation[:, hip] @ np.array([1.0, 0.0, 0.0])
        upper, lower = rotation[:, hip] @ thigh, rotation[:, knee] @ shin
        bent = np.pi - np.arccos(np.clip((a * a + b * b - distance**2) / (2 * a * b), -1, 1))
        straight = _about(upper, lower, hinge)
        knee_global = matrices((bent - straight)[:, None] * hinge) @ rotation[:, knee]
        # ... then swing the whole leg towards the ankle; a few rounds, since the hinge is not quite perpendicular.
        hip_global = rotation[:, hip]
        for _ in range(6):
            reached = hip_global @ thigh + knee_global @ shin
            swing = _shortest(reached, aim)
            hip_global, knee_global = swing @ hip_global, swing @ knee_global
            error = np.linalg.norm(hip_global @ thigh + knee_global @ shin, axis=1) - distance
            axis = hip_global @ np.array([1.0, 0.0, 0.0])
            slope = a * b * np.sin(np.maximum(bent, 0.05)) / distance
            knee_global = matrices(np.clip(error / slope, -0.05, 0.05)[:, None] * axis) @ knee_global
        parent = rotation[:, figure.parents[hip]]
        out[:, hip] = np.swapaxes(parent, -1, -2) @ hip_global
        out[:, knee] = np.swapaxes(hip_global, -1, -2) @ knee_global
        out[:, ankle] = np.swapaxes(knee_global, -1, -2) @ feet[:, side, 0]
        out[:, toe] = np.swapaxes(feet[:, side, 0], -1, -2) @ feet[:, side, 1]
    return out


def _about(start: Array, end: Array, axis: Array) -> Array:
    """Signed angle `[T]` from start to end about an axis."""
    start = start - (start * axis).sum(-1, keepdims=True) * axis
    end = end - (end * axis).sum(-1, keepdims=True) * axis
    return np.arctan2((np.cross(start, end) * axis).sum(-1), (start * end).sum(-1))


def _shortest(start: Array, end: Array) -> Array:
    """Smallest rotations `[T,3,3]` that turn the directions `start` into `end`."""
    a = start / np.linalg.norm(start, axis=-1, keepdims=True)
    b = end / np.linalg.norm(end, axis=-1, keepdims=True)
    cross = np.cross(a, b)
    sine = np.linalg.norm(cross, axis=-1, keepdims=True)
    return matrices(cross / np.maximum(sine, 1e-12) * np.arctan2(sine, (a * b).sum(-1, keepdims=True)))
