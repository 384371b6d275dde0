"""The ways in which papers score motion: `moro`, `wham` and `clips`.

The same names mean different things in them: where the root is, whether a fit may scale, over how many frames it goes,
and whether a mean is over frames or over clips. What each measures is said at its function; the measures themselves
are in `metrics`. Millimetres; Accel and G-Accel in m/s^2; Jitter in 10 m/s^3; RTE in per cent of the path's length.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..protocol.errors import ErrorCode, RecoverError
from . import metrics

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

STANDING_SPEED: Final[float] = 0.3
"""Metres a second below which a point of a reference foot stands, for MoRo and WHAM (1 cm a frame at 30)."""
CORE: Final = tuple(
    f"{side}_{part}" for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in ("left", "right")
)
_FEET: Final = ("left_ankle", "right_ankle", "left_foot", "right_foot")


@dataclass(frozen=True)
class Pair:
    """A recovered motion beside its reference: T frames, J joints, metres; NaN where there is nothing.

    Attributes:
        name: of the clip.
        fps: frames a second, even.
        joint_names: `[J]`, as in `protocol.skeleton`; `pelvis`, `left_hip` and `right_hip` among them.
        pred_camera, ref_camera: `[T,J,3]`, in the camera's axes.
        pred_world, ref_world: `[T,J,3]`, each in a world of its own with y up.
        visible: `[T,J]`, or None where it is not known which joints the camera sees.
        pred_feet, ref_feet: `[T,F,3]`, points of the soles, each in axes that stand still, or None: ankles and balls of
            the feet.
        pred_vertices, ref_vertices: `[T,V,3]`, camera's axes, meshes of one topology, or None.
    """

    name: str
    fps: float
    joint_names: tuple[str, ...]
    pred_camera: Array
    ref_camera: Array
    pred_world: Array
    ref_world: Array
    visible: Mask | None = None
    pred_feet: Array | None = None
    ref_feet: Array | None = None
    pred_vertices: Array | None = None
    ref_vertices: Array | None = None

    def column(self, *names: str) -> list[int]:
        """Columns of joints by name."""
        return [self.joint_names.index(name) for name in names]

    def feet(self) -> tuple[Array, Array]:
        """Points of the soles, of the recovered motion and of the reference."""
        if self.pred_feet is not None and self.ref_feet is not None:
            return self.pred_feet, self.ref_feet
        columns = [self.joint_names.index(name) for name in _FEET if name in self.joint_names]
        return self.pred_world[:, columns], self.ref_world[:, columns]


def evaluate(pairs: Sequence[Pair], protocol: str) -> dict[str, float]:
    """Score clips together.

    Args:
        pairs: recovered motions and references.
        protocol: one of `PROTOCOLS`.

    Returns:
        Figures by name; NaN where nothing could be scored.

    Raises:
        RecoverError: BAD_SETTING for an unknown protocol, BAD_INPUT for no clips.
    """
    if protocol not in PROTOCOLS:
        raise RecoverError(
            ErrorCode.BAD_SETTING, f'There is no protocol "{protocol}".', f"Choose one of: {', '.join(PROTOCOLS)}."
        )
    if not pairs:
        raise RecoverError(ErrorCode.BAD_INPUT, "There is no clip to score.", "Name a folder or split that has some.")
    return PROTOCOLS[protocol](pairs)


def _finite(*arrays: Array) -> Mask:
    return np.logical_and.reduce([np.isfinite(array).all(axis=-1) for array in arrays])


def _hips(joints: Array, pair: Pair) -> Array:
    return joints[:, pair.column("left_hip", "right_hip")].mean(axis=1)


def _pooled(parts: Sequence[Array]) -> float:
    """Mean of all finite values of all clips together."""
    values = np.concatenate([np.ravel(part) for part in parts]) if parts else np.empty(0)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")


def _norm(values: Array) -> Array:
    return np.linalg.norm(values, axis=-1)


def _rte_percent(pred: Array, ref: Array) -> Array:
    """Distance `[T]` of two paths after a rigid fit, in per cent of the reference's length."""
    ok = _finite(pred, ref)
    out = np.full(len(ok), np.nan)
    length = metrics.path_length(ref[ok])
    if ok.sum() >= 3 and length > 0:
        out[ok] = 100 / length * _norm(metrics.align(pred[ok], ref[ok], scale=False)(pred[ok]) - ref[ok])
    return out


def _jitter(joints: Array, fps: float) -> Array:
    return _norm(np.diff(joints, 3, axis=0)) * fps**3 / 10


def moro(pairs: Sequence[Pair]) -> dict[str, float]:
    """MoRo's: the recovered motion is moved into the reference's world by the known camera, which leaves every distance
    as it is between camera axes; so all but jitter and sliding are measured there. The root is the midpoint of the
    hips. Frames (for MPJPE-vis and -occ: joints) of all clips are pooled before the mean, so long clips weigh more.
    """
    rows: dict[str, list[Array]] = {}

    def add(name: str, values: Array) -> None:
        rows.setdefault(name, []).append(values)

    for pair in pairs:
        pred, ref = pair.pred_camera, pair.ref_camera
        mask = _finite(pred, ref)
        roots = _hips(pred, pair), _hips(ref, pair)
        errors = metrics.root_aligned_errors(pred, ref, mask, *roots) * metrics.MM
        add("MPJPE", errors)
        add("PA-MPJPE", metrics.procrustes_errors(pred, ref, mask) * metrics.MM)
        if pair.visible is not None:
            add("MPJPE-vis", errors[pair.visible])
            add("MPJPE-occ", errors[~pair.visible])
        if pair.pred_vertices is not None and pair.ref_vertices is not None:
            difference = pair.pred_vertices - roots[0][:, None] - (pair.ref_vertices - roots[1][:, None])
            add("PVE", _norm(difference) * metrics.MM)
        add("GMPJPE", _norm(pred - ref) * metrics.MM)
        add("RTE", _rte_percent(pred[:, pair.column("pelvis")[0]], ref[:, pair.column("pelvis")[0]]))
        local = pred - roots[0][:, None] - (ref - roots[1][:, None])
        add("Accel", _norm(metrics.acceleration(local, pair.fps)))
        add("G-Accel", _norm(metrics.acceleration(pred - ref, pair.fps)))
        add("Jitter", _jitter(pair.pred_world, pair.fps))
        add("Sliding", metrics.slides(*pair.feet(), STANDING_SPEED, pair.fps))
    return {name: _pooled(parts) for name, parts in rows.items()}


def wham(pairs: Sequence[Pair]) -> dict[str, float]:
    """WHAM's and RopeTP's: pose in the camera's axes with the root between the hips; W-MPJPE and WA-MPJPE in the world
    over segments of 100 frames, fitted to their first two frames or to all, with scale as in the authors' code
    (`W-MPJPE-rigid` and `WA-MPJPE-rigid`: without). Pooled over frames.
    """
    rows: dict[str, list[Array]] = {}

    def add(name: str, values: Array) -> None:
        rows.setdefault(name, []).append(values)

    for pair in pairs:
        pred, ref = pair.pred_camera, pair.ref_camera
        mask = _finite(pred, ref)
        roots = _hips(pred, pair), _hips(ref, pair)
        add("MPJPE", metrics.root_aligned_errors(pred, ref, mask, *roots) * metrics.MM)
        add("PA-MPJPE", metrics.procrustes_errors(pred, ref, mask) * metrics.MM)
        if pair.pred_vertices is not None and pair.ref_vertices is not None:
            difference = pair.pred_vertices - roots[0][:, None] - (pair.ref_vertices - roots[1][:, None])
            add("PVE", _norm(difference) * metrics.MM)
        local = pred - roots[0][:, None] - (ref - roots[1][:, None])
        add("Accel", _norm(metrics.acceleration(local, pair.fps)))
        world, target = pair.pred_world, pair.ref_world
        scored = _finite(world, target)
        for name, fit_frames in (("W-MPJPE", 2), ("WA-MPJPE", None)):
            for suffix, scale in (("", True), ("-rigid", False)):
                errors = metrics.segment_errors(world, target, scored, fit_frames=fit_frames, scale=scale)
                add(name + suffix, errors * metrics.MM)
        pelvis = pair.column("pelvis")[0]
        add("RTE", _rte_percent(world[:, pelvis], target[:, pelvis]))
        add("Jitter", _jitter(world, pair.fps))
        add("Sliding", metrics.slides(*pair.feet(), STANDING_SPEED, pair.fps))
    return {name: _pooled(parts) for name, parts in rows.items()}


def without_reference(pairs: Sequence[Pair]) -> dict[str, float]:
    """MoRo's measures of plausibility where there is no reference (PROX), against the floor that was recovered: Jitter,
    frames in which both feet skate (%), depth of the toes under the floor (mm), toes over 5 cm deep (%), acceleration
    (m/s^2).
    """
    jitter, skate, depth, deep, acceleration = [], [], [], [], []
    for pair in pairs:
        joints = pair.pred_world
        known = np.isfinite(joints).all(axis=(-1, -2))
        jitter.append(_jitter(joints, pair.fps))
        acceleration.append(_norm(metrics.acceleration(joints, pair.fps)))
        both = known[1:] & known[:-1]
        skate.append(100.0 * metrics.skating(np.nan_to_num(joints), pair.fps)[both])
        below, share = metrics.penetration(np.nan_to_num(joints))
        depth.append(below[known])
        deep.append(share[known])
    rows = {"Jitter": jitter, "Skating": skate, "Penetration": depth, "Deep": deep, "Acceleration": acceleration}
    return {name: _pooled(parts) for name, parts in rows.items()}


def clips(pairs: Sequence[Pair]) -> dict[str, float]:
    """Ours for short clips: hips, knees, ankles, shoulders, elbows and wrists in the camera's axes, the root being the
    joint `pelvis`; one rigid fit for W-MPJPE (first frame) and WA-MPJPE (all); the mean is over clips.
    """
    scores = [score_clip(pair) for pair in pairs]
    names = dict.fromkeys(name for score in scores for name in score)
    return {name: _pooled([np.array([score.get(name, np.nan)]) for score in scores]) for name in names}


def score_clip(pair: Pair) -> dict[str, float]:
    """One clip by the `clips` protocol.

    Returns:
        PA-MPJPE, MPJPE, each also over visible and occluded joints, Abs-, W- and WA-MPJPE, RTE-mm (mm), Accel, G-Accel
        (m/s^2), Jitter, Jitter-ref (10 m/s^3), FS, FS-ref (mm per 1/30 s), coverage (%).
    """
    core = pair.column(*(name for name in CORE if name in pair.joint_names))
    P, G = pair.pred_camera[:, core], pair.ref_camera[:, core]
    ok = np.isfinite(G).all(axis=-1)
    mask = ok & np.isfinite(P).all(axis=-1)
    out = {"coverage": 100.0 * mask.sum() / max(ok.sum(), 1)}
    if not mask.any():
        return out
    root = pair.column("pelvis")[0]
    proot, groot = pair.pred_camera[:, root], pair.ref_camera[:, root]
    aligned = metrics.root_aligned_errors(P, G, mask, proot, groot)
    procrustes = metrics.procrustes_errors(P, G, mask)
    for name, errors in (("PA", procrustes), ("MPJPE", aligned)):
        out["PA-MPJPE" if name == "PA" else name] = metrics.mean_error(errors)
        if pair.visible is not None:
            out[f"{name}-vis"] = metrics.mean_error(errors, pair.visible[:, core])
            out[f"{name}-occ"] = metrics.mean_error(errors, ~pair.visible[:, core])
    out["Abs-MPJPE"] = metrics.gmpjpe(P, G, mask)
    out["W-MPJPE"] = metrics.w_mpjpe(P, G, mask)
    out["WA-MPJPE"] = metrics.wa_mpjpe(P, G, mask)
    out["RTE-mm"] = metrics.rte_mm(proot, groot)
    out["Accel"] = metrics.accel(P, G, mask, ok, pair.fps, proot, groot)
    out["G-Accel"] = metrics.g_accel(P, G, mask, ok, pair.fps)
    out["Jitter"] = metrics.jitter(P, mask, pair.fps)
    out["Jitter-ref"] = metrics.jitter(G, ok, pair.fps)
    return out | _clip_sliding(pair)


def _clip_sliding(pair: Pair) -> dict[str, float]:
    feet, reference, stands = [], [], []
    pred, ref = pair.feet()
    for column in range(ref.shape[1]):
        p, r = pred[:, column], ref[:, column]
        if not np.isfinite(r).all(axis=-1).any() or not np.isfinite(p).all(axis=-1).any():
            continue
        feet.append(p)
        reference.append(r)
        stands.append(metrics.standing(r, r[:, 1], pair.fps))
    if not feet:
        return {}
    return {
        "FS": metrics.foot_sliding(feet, stands, pair.fps),
        "FS-ref": metrics.foot_sliding(reference, stands, pair.fps),
    }


PROTOCOLS: Final[dict[str, Callable[[Sequence[Pair]], dict[str, float]]]] = {"moro": moro, "wham": wham, "clips": clips}
