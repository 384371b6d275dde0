"""SMPL bodies of references: the file a user has from SMPL's authors, posed for evaluation only.

After SMPL (Loper et al., SIGGRAPH Asia 2015), equations 2 to 10.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import roma
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...body.kinematics import KinematicTree
from ...protocol.errors import ErrorCode, RecoverError
from .pickled_arrays import load_pickled, numbers
from .sequence import SMPL_JOINTS

SMPL_PARENTS: Final = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
_JOINTS: Final = len(SMPL_JOINTS)
_FRAMES_AT_ONCE: Final = 64


class SmplPose(NamedTuple):
    """`joints [T,24,3]` and `vertices [T,V,3]`, metres."""

    joints: NDArray[np.float64]
    vertices: NDArray[np.float64]


class SmplBody:
    """A SMPL model: template `[V,3]`, shape directions `[V,3,10]`, pose correctives `[V,3,207]`, regressor `[24,V]`,
    skin weights `[V,24]`.

    Raises:
        RecoverError: WRONG_BODY when the file is no SMPL model.
    """

    def __init__(self, path: Path) -> None:
        data = dict(np.load(path, allow_pickle=False)) if path.suffix == ".npz" else load_pickled(path)
        try:
            template = numbers(data["v_template"], "v_template", (None, 3))
            count = len(template)
            shapedirs = numbers(data["shapedirs"], "shapedirs", (count, 3, None))[..., :10]
            posedirs = numbers(data["posedirs"], "posedirs", (count, 3, (_JOINTS - 1) * 9))
            regressor = numbers(data["J_regressor"], "J_regressor", (_JOINTS, count))
            weights = numbers(data["weights"], "weights", (count, _JOINTS))
        except (KeyError, TypeError, ValueError) as error:
            raise RecoverError(
                ErrorCode.WRONG_BODY,
                f"{path} is not a SMPL model ({error}).",
                "Name the folder of body models as the smplx package wants it, with smpl/SMPL_NEUTRAL.pkl in it.",
            ) from error
        self.template, self.shapedirs, self.posedirs, self.regressor, self.weights = map(
            torch.from_numpy, (template, shapedirs, posedirs, regressor, weights)
        )
        self._tree = KinematicTree(SMPL_PARENTS)

    def pose(self, betas: NDArray, poses: NDArray, transl: NDArray) -> SmplPose:
        """Pose the body.

        Args:
            betas: `[10]`.
            poses: `[T,72]`, axis-angle, the root first.
            transl: `[T,3]`, metres.
        """
        shaped = self.template + torch.einsum("vik,k->vi", self.shapedirs, torch.as_tensor(betas, dtype=torch.float64))
        rest = self.regressor @ shaped
        local = roma.rotvec_to_rotmat(torch.as_tensor(poses, dtype=torch.float64).reshape(-1, _JOINTS, 3))
        shift = torch.as_tensor(transl, dtype=torch.float64)[:, None]
        joints, vertices = [], []
        for rotations, moved in zip(local.split(_FRAMES_AT_ONCE), shift.split(_FRAMES_AT_ONCE), strict=True):
            where, turned = self._tree(rest, rotations)
            joints.append(where + moved)
            vertices.append(self._skin(shaped, rest, rotations, where, turned) + moved)
        return SmplPose(torch.cat(joints).numpy(), torch.cat(vertices).numpy())

    def _skin(self, shaped: Tensor, rest: Tensor, local: Tensor, joints: Tensor, turned: Tensor) -> Tensor:
        feature = (local[:, 1:] - torch.eye(3, dtype=local.dtype)).flatten(1)
        vertices = shaped + torch.einsum("vik,tk->tvi", self.posedirs, feature)
        shift = joints - (turned @ rest[..., None]).squeeze(-1)
        blended = torch.einsum("vj,tjab->tvab", self.weights, turned)
        return torch.einsum("tvab,tvb->tva", blended, vertices) + self.weights @ shift


class BodyModels:
    """The user's body models, in the folders of the `smplx` package: `smpl/SMPL_*.pkl|npz`, `smplx/SMPLX_*.npz`."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._smpl: dict[str, SmplBody] = {}

    def smpl(self, gender: str) -> SmplBody:
        """The SMPL model of a gender (`neutral`, `male`, `female`).

        Raises:
            RecoverError: MISSING_PART when it is not there.
        """
        gender = {"m": "male", "f": "female", "n": "neutral"}.get(gender.lower(), gender.lower())
        if gender not in self._smpl:
            self._smpl[gender] = SmplBody(self._find("smpl", f"SMPL_{gender.upper()}", (".npz", ".pkl")))
        return self._smpl[gender]

    def smplx(self, gender: str) -> Path:
        """The file of the SMPL-X model of a gender.

        Raises:
            RecoverError: MISSING_PART when it is not there.
        """
        return self._find("smplx", f"SMPLX_{gender.upper()}", (".npz",))

    def has_smpl(self) -> bool:
        """Whether there is any SMPL model."""
        return self.folder is not None and any((self.folder / "smpl").glob("SMPL_*"))

    def _find(self, family: str, stem: str, suffixes: tuple[str, ...]) -> Path:
        for suffix in suffixes if self.folder else ():
            path = self.folder / family / (stem + suffix)
            if path.is_file():
                return path
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The references of this data set need the body model {stem}{suffixes[-1]}, which is not there.",
            f"Give the folder of your body models with --body-models; it should hold {family}/{stem}{suffixes[-1]}.",
        )
