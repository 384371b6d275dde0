"""A prior over body motion: a linear autoregressive process over a low-dimensional pose space.

Pose space: each joint's rotation relative to its mean, as a rotation vector, stacked to x `[63]`; `x = offset + basis
@ z` with z `[D]` whitened over the mocap. Motion:

    z_t = A1 z_(t-1) + A2 z_(t-2) + b + e,   e ~ N(0, Q)

which is a Gaussian process over the whole clip whose precision matrix is banded. It says how joints move together and
how a pose goes on, so that what the image does not show is filled in from what it shows, before, after and beside.
Fitted by `training.fit_kinematic_prior` to the training split of the mocap only.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ....protocol.errors import ErrorCode, RecoverError

PRIOR_FILE = Path(__file__).resolve().parents[3] / "weights" / "kinematic_prior.safetensors"


@dataclass(frozen=True)
class MotionPrior:
    """The prior's tensors (float64).

    Attributes:
        mean: `[21,3,3]`, mean local rotation of joints 1..21.
        offset: `[63]`, radians.
        basis: `[63,D]`, radians per standard deviation.
        transition: `[D,2D+1]`: A2, A1, b side by side, for `(z_(t-2), z_(t-1), 1)`.
        precision: `[D,D]`, inverse of Q.
        start_mean, start_precision: `[2D]`, `[2D,2D]`: Gaussian over two neighbouring frames.
    """

    mean: Tensor
    offset: Tensor
    basis: Tensor
    transition: Tensor
    precision: Tensor
    start_mean: Tensor
    start_precision: Tensor

    @property
    def dims(self) -> int:
        """D, the number of pose coordinates."""
        return self.basis.shape[1]


@cache
def load_prior(path: Path = PRIOR_FILE) -> MotionPrior:
    """Read the prior.

    Raises:
        RecoverError: `missing_part` when the file is absent or damaged.
    """
    try:
        tensors = load_file(path)
        return MotionPrior(**{name: tensors[name].double() for name in MotionPrior.__dataclass_fields__})
    except (OSError, KeyError, SafetensorError) as error:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The motion prior {path.name} is missing or damaged ({error}).",
            "Install the extension again.",
        ) from error
