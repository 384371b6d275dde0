"""How a pose landmarker errs, as a random process: what it sees is smooth, structured and confidently wrong.

Figures follow measurements of MediaPipe on real clips: slowly varying errors with little white noise; world landmarks
whose bones are turned rather than stretched; hidden joints that hold false hypotheses for a while and then jump to
other ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...geometry.blazepose import INDEX, LANDMARKS, MIRROR

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_HIPS = [INDEX["left_hip"], INDEX["right_hip"]]
_SHOULDERS = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
# Each landmark's parent along the limbs; the rest hang on the trunk.
_CHAIN = {
    "elbow": "shoulder", "wrist": "elbow", "pinky": "wrist", "index": "wrist", "thumb": "wrist",
    "knee": "hip", "ankle": "knee", "heel": "ankle", "foot_index": "ankle",
}  # fmt: skip
# Radians by which a bone of the world landmarks is turned out of the image plane: constant part, slow part.
_TURN = {"elbow": (0.16, 0.12), "wrist": (0.3, 0.25), "knee": (0.12, 0.08), "ankle": (0.14, 0.1)}


@dataclass(frozen=True)
class Corruption:
    """Settings of the error model; 2D errors in body heights.

    Attributes:
        constant, slow, white: standard deviations of the parts of the 2D error.
        world: scale of all errors of the world landmarks.
        events: occlusion events in a clip: `none`, or drawn from all kinds; a kind's name for that kind alone.
        missing: share of frames in which nobody is found.
        failures: probability that a clip has a run of whole-body failures (sides swapped or upside down).
    """

    constant: float = 0.009
    slow: float = 0.01
    white: float = 0.0025
    world: float = 1.0
    events: str = "none"
    missing: float = 0.0
    failures: float = 0.0


@dataclass(frozen=True)
class Seen:
    """Corrupted landmarks of N frames, in the layout of `records.people.PersonTrack`, and what was hidden."""

    seen: Mask
    keypoints: Array
    visibility: Array
    world: Array
    hidden: Mask


def _slow(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> Array:
    """Unit-variance first-order process along axis 0 that forgets within about `memory` frames."""
    keep = np.exp(-1.0 / memory)
    out = rng.normal(size=shape)
    for t in range(1, len(out)):
        out[t] = keep * out[t - 1] + np.sqrt(1 - keep**2) * out[t]
    return out


def _view(points: Array) -> Array:
    """Rotation `[N,3,3]` from the camera into the view that looks straight at the person."""
    forward = points[:, _HIPS + _SHOULDERS].mean(axis=1)
    forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(np.array([0.0, 1.0, 0.0]), forward)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def _world_landmarks(points: Array, restless: Array, rng: np.random.Generator, scale: float) -> Array:
    """World landmarks: bones turned in depth, the whole leaning, the size not known."""
    N = len(points)
    view = _view(points)
    local = np.einsum("nij,npj->npi", view, points - points[:, _HIPS].mean(axis=1, keepdims=True))
    out = local.copy()
    both = {part: 0.12 * rng.normal() for part in ("knee", "ankle")}  # legs taken for bent, or for leaning, alike
    for side in ("left", "right"):
        for part, parent in _CHAIN.items():
            i, up = INDEX[f"{side}_{part}"], INDEX[f"{side}_{parent}"]
            constant, slow = _TURN.get(part, (0.2, 0.15))
            turn = np.zeros((N, 3))
            for axis in (0, 1):
                drift = slow * _slow(rng, (N,), 8.0) * restless
                turn[:, axis] = scale * (constant * rng.normal() + drift)
            turn[:, 0] += scale * both.get(part, 0.0)
            turn[:, 2] = 0.3 * scale * slow * _slow(rng, (N,), 8.0)
            bone = local[:, i] - local[:, up]
            out[:, i] = out[:, up] + Rotation.from_rotvec(turn).apply(bone)
    trunk = np.deg2rad(np.array([4.0, 3.0, 1.0]) * rng.normal(size=3))
    sway = np.deg2rad([3.0, 4.0, 1.5]) * _slow(rng, (N, 3), 10.0) * restless[:, None]
    out = Rotation.from_rotvec(scale * (trunk + sway)).as_matrix() @ out.swapaxes(1, 2)
    head = [i for i, name in enumerate(LANDMARKS) if i <= INDEX["mouth_right"]]
    out = out.swapaxes(1, 2) * (1 + 0.04 * rng.normal())
    out[:, head] += scale * 0.02 * rng.normal(size=(1, 1, 3))
    return out + scale * 0.01 * _slow(rng, out.shape, 6.0)


def _group(kind: str) -> list[int]:
    def has(*words: str) -> list[int]:
        return [i for i, name in enumerate(LANDMARKS) if any(w in name for w in words)]

    leg, arm = ("knee", "ankle", "heel", "foot"), ("elbow", "wrist", "pinky", "index", "thumb")
    arm_only = [i for i in has(*arm) if "foot" not in LANDMARKS[i]]
    groups = {
        "legs": has(*leg),
        "left_leg": [i for i in has(*leg) if "left" in LANDMARKS[i]],
        "right_leg": [i for i in has(*leg) if "right" in LANDMARKS[i]],
        "below": has(*leg, "hip"),
        "left_arm": [i for i in arm_only if "left" in LANDMARKS[i]],
        "right_arm": [i for i in arm_only if "right" in LANDMARKS[i]],
        "left_side": [i for i in range(33) if "left" in LANDMARKS[i] and i > 10],
        "right_side": [i for i in range(33) if "right" in LANDMARKS[i] and i > 10],
    }
    return groups[kind]


_KINDS = ("legs", "legs", "below", "left_leg", "right_leg", "left_arm", "right_arm", "left_side", "right_side", "bar")


def _hide(pixels: Array, kind: str, rng: np.random.Generator) -> tuple[Mask, Array]:
    """Which landmarks an event hides, and the visibility that is reported for them."""
    N = len(pixels)
    hidden = np.zeros((N, 33), bool)
    if kind == "bar":
        low, high = np.nanmin(pixels[..., 0]), np.nanmax(pixels[..., 0])
        width = rng.uniform(0.15, 0.35) * np.median(np.ptp(pixels[..., 1], axis=1))
        place = np.linspace(low - width, high + width, N)
        place = place if rng.random() < 0.5 else place[::-1]
        hidden = np.abs(pixels[..., 0] - place[:, None]) < 0.5 * width
        level = rng.uniform(0.5, 0.9)
    else:
        length = int(rng.integers(max(N // 4, 3), N + 1))
        first = int(rng.integers(0, N - length + 1))
        hidden[first : first + length, _group(kind)] = True
        level = rng.uniform(0.75, 0.98) if "side" in kind else rng.uniform(0.1, 0.5)
    reported = np.clip(level + 0.15 * _slow(rng, (N, 33), 6.0), 0.02, 0.99)
    return hidden, reported


def _false_hypotheses(pixels: Array, hidden: Mask, tall: Array, rng: np.random.Generator) -> Array:
    """Where the landmarker puts hidden landmarks: one false idea for a while, then another."""
    out = pixels.copy()
    hips = pixels[:, _HIPS].mean(axis=1, keepdims=True)
    N = len(pixels)
    t = 0
    while t < N:
        run = slice(t, min(t + int(rng.geometric(1 / 9)), N))
        idea = rng.choice(["near", "compressed", "frozen", "swapped", "shifted"], p=[0.3, 0.3, 0.15, 0.1, 0.15])
        wrong = pixels[run].copy()
        if idea == "compressed":
            squash = np.array([rng.uniform(0.5, 1.0), rng.uniform(0.1, 0.7)])
            wrong = hips[run] + (wrong - hips[run]) * squash
        elif idea == "frozen":
            wrong = hips[run] + (pixels[run.start] - hips[run.start])[None]
        elif idea == "swapped":
            wrong = wrong[:, list(MIRROR)]
        elif idea == "shifted":
            wrong = wrong + rng.normal(0, 0.12, (1, 1, 2)) * tall[run, None, None]
        spread = 0.04 * tall[run, None, None]
        wrong = wrong + spread * (0.7 * rng.normal(size=(1, 33, 2)) + 0.7 * _slow(rng, wrong.shape, 5.0))
        out[run] = np.where(hidden[run, :, None], wrong, out[run])
        t = run.stop
    return out


def corrupt(
    pixels: Array, points: Array, size_wh: tuple[int, int], rng: np.random.Generator, settings: Corruption | None
) -> Seen:
    """Corrupt the landmarks of one person.

    Args:
        pixels: `[N,33,2]`, where the landmarks truly are in the image.
        points: `[N,33,3]`, the same in the camera frame, metres.
        size_wh: of the image; landmarks outside it count as hidden.
        rng: source of chance.
        settings: None leaves everything perfect (world landmarks in the view that looks at the person).
    """
    N = len(pixels)
    hidden = ((pixels < 0) | (pixels >= np.array(size_wh))).any(axis=-1)
    if settings is None:
        world = _world_landmarks(points, np.ones(N), np.random.default_rng(0), 0.0)
        return Seen(np.ones(N, bool), pixels.copy(), np.ones((N, 33)), _unscaled(world, points), hidden)
    visibility = np.clip(0.93 + 0.06 * _slow(rng, (N, 33), 8.0), 0.3, 0.999)
    visibility = np.where(hidden, rng.uniform(0.05, 0.5), visibility)
    kinds = []
    if settings.events == "all":
        kinds = [str(rng.choice(_KINDS)) for _ in range(int(rng.integers(1, 3)))]
    elif settings.events != "none":
        kinds = [settings.events]
    for kind in kinds:
        more, reported = _hide(pixels, kind, rng)
        hidden = hidden | more
        visibility = np.where(more, reported, visibility)

    tall = np.maximum(np.ptp(pixels[..., 1], axis=1), np.ptp(pixels[..., 0], axis=1))
    tall = np.full(N, np.median(tall))
    disturbed = 1 + (rng.uniform(0.5, 3.0) if kinds else 0.0) * hidden[:, 11:].any(axis=1)
    loose = np.array(
        [2.0 if any(w in n for w in ("wrist", "ankle", "heel", "index", "pinky")) else 1.0 for n in LANDMARKS]
    )
    error = settings.constant * rng.normal(size=(1, 33, 2)) * np.sqrt(loose)[None, :, None]
    error = error + settings.slow * _slow(rng, (N, 33, 2), 6.0) * loose[None, :, None] * disturbed[:, None, None]
    error = error + settings.white * rng.normal(size=(N, 33, 2))
    restless = np.minimum(disturbed, 2.5)
    world = _world_landmarks(points, restless, rng, settings.world)
    seen_at = _false_hypotheses(pixels, hidden, tall, rng) + error * tall[:, None, None]

    # Hidden world landmarks go where the hypothesis is, at a guessed depth.
    metres = np.linalg.norm(points[:, _HIPS].mean(axis=1), axis=-1) / _focal(pixels, points)
    shift = np.zeros((N, 33, 3))
    shift[..., :2] = (seen_at - pixels) * metres[:, None, None]
    shift[..., 2] = 0.08 * _slow(rng, (N, 33), 6.0)
    world = world + np.where(hidden[..., None], shift, 0.0)

    keypoints = seen_at
    if rng.random() < settings.failures:
        length = int(rng.integers(4, max(N // 4, 5)))
        run = slice(int(rng.integers(0, max(N - length, 1))), None)
        run = slice(run.start, run.start + length)
        keypoints, world = _fail(keypoints, world, run, bool(rng.random() < 0.5))
    seen = np.ones(N, bool)
    t = 0
    while settings.missing > 0 and t < N:
        t += int(rng.geometric(settings.missing / 4))
        seen[t : t + 4] = False
        t += 4
    keypoints, world, visibility = keypoints.copy(), world.copy(), visibility.copy()
    keypoints[~seen], world[~seen], visibility[~seen] = np.nan, np.nan, 0.0
    return Seen(seen, keypoints, visibility, world, hidden)


def _fail(keypoints: Array, world: Array, run: slice, swapped: bool) -> tuple[Array, Array]:
    """A run of whole-body failures: front taken for back, or upside down."""
    keypoints, world = keypoints.copy(), world.copy()
    if swapped:
        keypoints[run] = keypoints[run][:, list(MIRROR)]
        world[run] = world[run][:, list(MIRROR)] * np.array([1.0, 1.0, -1.0])
    else:
        middle = keypoints[run].mean(axis=1, keepdims=True)
        keypoints[run] = middle - (keypoints[run] - middle)
        world[run] = world[run] * np.array([-1.0, -1.0, 1.0])
    return keypoints, world


def _focal(pixels: Array, points: Array) -> float:
    spread = np.ptp(pixels[..., 1], axis=1) / np.maximum(np.ptp(points[..., 1] / points[..., 2], axis=1), 1e-6)
    return float(np.median(spread))


def _unscaled(world: Array, points: Array) -> Array:
    """Give world landmarks the true size."""
    hips = points[:, _HIPS].mean(axis=1, keepdims=True)
    true = np.linalg.norm(points - hips, axis=-1).mean()
    return world * (true / np.linalg.norm(world, axis=-1).mean())
