"""Reads packs of CMU motion capture and turns them into rotations of the SMPL-X body joints.

A pack is an `.npz` without pickle whose README (in the developers' data folder) defines the format: rotation vectors
and root positions as time differences, zigzag-coded, in byte planes. Rotations are local, relative to a rest pose
with world-aligned axes (y up, facing +z), 30 frames a second.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.skeleton import BODY_PARENTS

_MIDHIP: Final = {"daz": ("lThigh", "rThigh"), "asf": ("lfemur", "rfemur")}
# The joint of a pack whose global rotation drives each SMPL-X body joint; two names: half way between them.
_DRIVERS: Final[dict[str, tuple[str, ...]]] = {
    "daz": (
        "hip", "lThigh", "rThigh", "hip abdomen", "lShin", "rShin", "abdomen", "lFoot", "rFoot", "chest", "lFoot",
        "rFoot", "neck", "chest", "chest", "head", "lShldr", "rShldr", "lForeArm", "rForeArm", "lHand", "rHand",
    ),
    "asf": (
        "root", "lfemur", "rfemur", "lowerback", "ltibia", "rtibia", "upperback", "lfoot", "rfoot", "thorax", "ltoes",
        "rtoes", "lowerneck", "lclavicle", "rclavicle", "head", "lhumerus", "rhumerus", "lradius", "rradius", "lwrist",
        "rwrist",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class MocapClip:
    """One continuous stretch of motion at 30 frames a second.

    Attributes:
        name: the entry's name, e.g. `14_32#0`.
        subject: CMU's subject number.
        rotations: `[T,22,3,3]`, global rotation of the pelvis, then local rotations along the SMPL-X tree.
        midhip: `[T,3]`, midpoint of the hip joints, metres, y up, floor near y = 0.
        leg_length: hip to ankle of the figure it was recorded on, metres.
        uneven: the figure steps on things that are not the floor.
        joints: `[T,22,3]`, where the figure's own joints are, metres; NaN for those that it does not have.
    """

    name: str
    subject: int
    rotations: NDArray[np.float64]
    midhip: NDArray[np.float64]
    leg_length: float
    uneven: bool
    joints: NDArray[np.float64] | None = None


def _undo_differences(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    words = planes[0].astype(np.uint16) | planes[1].astype(np.uint16) << 8
    steps = (words >> 1).astype(np.int16) ^ -(words & 1).astype(np.int16)
    return np.cumsum(steps, axis=1, dtype=np.int16).T


class MocapPack:
    """An opened pack; `len(pack)` entries, `pack.clip(i)` decodes one."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as data:
                self._meta = {key: data[key] for key in data.files if not key.endswith("_bytes")}
                self._rotvec = _undo_differences(data["rot_bytes"])
                self._root = _undo_differences(data["root_bytes"])
        except (OSError, ValueError, KeyError) as error:
            raise RecoverError(
                ErrorCode.BAD_INPUT, f"{path} is not a motion pack ({error}).", "Name a folder with cmu_*.npz packs."
            ) from error
        self._names = [str(name) for name in self._meta["joint_names"]]
        self._family = "daz" if self._names[0] == "hip" else "asf"
        offsets = self._meta["offsets_m"]
        self._offsets = offsets[None] if offsets.ndim == 2 else offsets
        self._canon = Rotation.from_rotvec(self._meta["canon_rotvec"].astype(np.float64)).as_matrix()
        self._ends = np.cumsum(self._meta["frames"])

    def __len__(self) -> int:
        return len(self._ends)

    def frames(self, i: int) -> int:
        """Number of frames of entry i."""
        return int(self._meta["frames"][i])

    def clip(self, i: int) -> MocapClip:
        """Decode entry i."""
        span = slice(int(self._ends[i] - self._meta["frames"][i]), int(self._ends[i]))
        rotvec = np.zeros((span.stop - span.start, 3 * len(self._names)))
        rotvec[:, self._meta["rot_channels"]] = self._rotvec[span] * self._meta["rot_scale"]
        local = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(len(rotvec), -1, 3, 3)
        root = self._root[span] * self._meta["root_scale"]
        offsets = self._offsets[self._meta["skeleton"][i]]
        turned = np.empty_like(local)
        placed = np.empty((*local.shape[:2], 3))
        for j, parent in enumerate(self._meta["parents"]):
            if parent < 0:
                turned[:, j], placed[:, j] = local[:, j], root
            else:
                turned[:, j] = turned[:, parent] @ local[:, j]
                placed[:, j] = placed[:, parent] + turned[:, parent] @ offsets[j]
        upright = turned @ self._canon
        bodies = np.stack([self._driver(upright, name) for name in _DRIVERS[self._family]], axis=1)
        rotations = bodies.copy()
        for j, parent in enumerate(BODY_PARENTS):
            if parent >= 0:
                rotations[:, j] = np.swapaxes(bodies[:, parent], -1, -2) @ bodies[:, j]
        hips = [self._names.index(name) for name in _MIDHIP[self._family]]
        ankle = self._names.index("lFoot" if self._family == "daz" else "lfoot")
        knee = int(self._meta["parents"][ankle])
        return MocapClip(
            name=str(self._meta["clip_name"][i]),
            subject=int(self._meta["subject"][i]),
            rotations=rotations,
            midhip=placed[:, hips].mean(axis=1),
            leg_length=float(np.linalg.norm(offsets[ankle]) + np.linalg.norm(offsets[knee])),
            uneven=bool(self._meta["off_floor_support"][i]) if "off_floor_support" in self._meta else False,
            joints=self._body_joints(placed),
        )

    def _body_joints(self, placed: NDArray[np.float64]) -> NDArray[np.float64]:
        """The figure's joints by SMPL-X's names; a driver that serves two joints is only the first one's place."""
        out = np.full((len(placed), len(BODY_PARENTS), 3), np.nan)
        taken: set[str] = set()
        for j, name in enumerate(_DRIVERS[self._family]):
            if " " not in name and name not in taken:
                taken.add(name)
                out[:, j] = placed[:, self._names.index(name)]
        return out

    def _driver(self, upright: NDArray[np.float64], names: str) -> NDArray[np.float64]:
        first, *more = (upright[:, self._names.index(name)] for name in names.split())
        if not more:
            return first
        between = Rotation.from_matrix(np.swapaxes(first, -1, -2) @ more[0]).as_rotvec()
        return first @ Rotation.from_rotvec(0.5 * between).as_matrix()


def read_split(folder: Path, split: str, *, low_rate: bool = False) -> Iterator[MocapClip]:
    """All entries of a split.

    Args:
        folder: holds the packs `cmu_*_{split}.npz`.
        split: `train`, `val` or `test`.
        low_rate: also read the packs whose source has 12 keys a second.

    Raises:
        RecoverError: `bad_input` when the folder has no such packs.
    """
    paths = sorted(path for path in Path(folder).glob(f"cmu_*_{split}.npz") if low_rate or "extra12" not in path.name)
    if not paths:
        raise RecoverError(
            ErrorCode.BAD_INPUT, f"{folder} has no cmu_*_{split}.npz.", "Name the folder with the motion packs."
        )
    for path in paths:
        pack = MocapPack(path)
        for i in range(len(pack)):
            yield pack.clip(i)
