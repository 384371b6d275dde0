"""A camera that turns and zooms in the middle of a painted sphere: pictures whose truth is known exactly."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Shots, Video
from inference_backend.stages.background.follower import BackgroundFollower

SIZE = (480, 270)
PIXELS = np.stack(
    [*(axis.ravel() for axis in np.meshgrid(*(np.arange(n) + 0.5 - n / 2 for n in SIZE))), np.ones(SIZE[0] * SIZE[1])]
).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 2, (5, *SIZE[::-1])).astype(np.float32)


def painted_sphere(seed=0, contrast=1.0):
    """An equirectangular picture `[1440,2880]` with things of many sizes, the same at its left and right end."""
    rng = np.random.default_rng(seed)
    sphere = np.zeros((1440, 2880), np.float32)
    for cells in (24, 80, 240, 600):
        noise = rng.normal(size=(cells // 2, cells)).astype(np.float32)
        noise = np.concatenate([noise, noise[:, :2]], axis=1)
        wide = cv2.resize(noise, (round(2880 * (cells + 2) / cells), 1440), interpolation=cv2.INTER_LINEAR)
        sphere += np.roll(wide[:, :2880], -720 // cells, axis=1) / np.sqrt(1 + 0.002 * cells)
    return np.clip(128 + contrast * 35 * sphere, 0, 255).astype(np.uint8)


def pinhole(focal, size=SIZE):
    return np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])


def turns(degrees):
    """Rotations `[T,3,3]` of rotation vectors `[T,3]` in degrees (x tilts, y pans, z rolls)."""
    return Rotation.from_rotvec(np.deg2rad(degrees)).as_matrix()


def shake(count, degrees, seed=0):
    """A hand's shake: rotation vectors `[count,3]` with this standard deviation about each axis."""
    noise = np.random.default_rng(seed).normal(size=(count + 40, 3))
    kernel = np.exp(-0.5 * (np.arange(-10, 11) / 2.5) ** 2)
    smooth = np.stack([np.convolve(column, kernel, "same") for column in noise.T], 1)[20 : 20 + count]
    return smooth * degrees / smooth.std(0)


@dataclass
class Filming:
    """A clip: the turns `[T,3,3]` from each frame's axes to the world's, focal lengths `[T]` in pixels.

    Attributes:
        subject: `[T,2]` where a person's middle is in the picture; None for nobody.
    """

    turn: np.ndarray
    focal: np.ndarray
    sphere: np.ndarray = field(default_factory=painted_sphere)
    subject: np.ndarray | None = None
    subject_wh: tuple[int, int] = (90, 200)
    light: np.ndarray | None = None
    fps: float = 30.0

    def __post_init__(self):
        self.focal = np.broadcast_to(self.focal, len(self.turn)).astype(float)
        count = len(self.turn)
        self.video = Video(Path("turning.mp4"), self.fps, SIZE, np.arange(count) / self.fps, np.arange(count))
        self.shots = Shots(np.zeros(count, np.int64), np.zeros(count, bool))

    def __len__(self):
        return len(self.turn)

    @property
    def from_first(self):
        return self.turn[0].T @ self.turn

    def picture(self, t):
        x, y, z = self.turn[t].astype(np.float32) @ (
            PIXELS * np.float32([[1 / self.focal[t]], [1 / self.focal[t]], [1]])
        )
        angles = ((np.arctan2(x, z), 1440), (np.arctan2(y, np.hypot(x, z)), 720))
        at = [
            angle.reshape(SIZE[::-1]) * np.float32(1440 / np.pi) + np.float32(middle - 0.5) for angle, middle in angles
        ]
        grey = cv2.remap(self.sphere, *at, cv2.INTER_LINEAR, None, cv2.BORDER_WRAP).astype(np.float32)
        if self.light is not None:
            grey *= self.light[t]
        picture = cv2.merge([np.clip(grey + NOISE[t % len(NOISE)], 0, 255).astype(np.uint8)] * 3)
        if self.subject is not None:
            width, height = self.subject_wh
            clothes = np.random.default_rng(99).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
            clothes = cv2.resize(clothes, (width, height), interpolation=cv2.INTER_CUBIC)
            low = np.round(self.subject[t] - [width / 2, height / 2]).astype(int)
            x, y = (slice(max(0, a), max(0, min(a + n, m))) for a, n, m in zip(low, (width, height), SIZE, strict=True))
            picture[y, x] = clothes[y.start - low[1] : y.stop - low[1], x.start - low[0] : x.stop - low[0]]
        return picture

    def background(self, shots=None, leave_out=()):
        """What the background stage makes of it."""
        follower = BackgroundFollower(self.video, shots or self.shots)
        for t in range(len(self)):
            if t not in leave_out:
                follower.see(t, self.picture(t))
        return follower.finish()

    def track(self):
        """The subject as the people stage says, without a silhouette."""
        count, half = len(self), np.array(self.subject_wh) / 2
        return PersonTrack(
            0, 0, np.arange(count), np.ones(count, bool),
            np.concatenate([self.subject - half, self.subject + half], 1).astype(np.float32),
            np.zeros((count, 33, 2), np.float32), np.ones((count, 33), np.float32),
            np.zeros((count, 33, 3), np.float32), np.zeros((count, 64, 6), np.uint8),
        )  # fmt: skip


def errors(found, true):
    """Degrees `[T]` between rotations `[T,3,3]`."""
    return np.rad2deg(Rotation.from_matrix(true.swapaxes(1, 2) @ found).magnitude())
