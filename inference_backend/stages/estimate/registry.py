"""The estimators by name. One is imported when it is asked for, so that listing them costs nothing."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...protocol.errors import ErrorCode, RecoverError
from ...records.motion import PoseEstimate
from .kinematic import settings as kinematic
from .moro import settings as moro
from .rope import settings as rope
from .rope_moro import settings as rope_moro
from .trained_body import TrainedBody

DEFAULT_ESTIMATOR: Final[str] = "moro"


@dataclass(frozen=True)
class Estimator:
    """How to run an estimator.

    Attributes:
        name: as in `PoseEstimate.estimator`.
        settings: the field of `pipeline.settings.RecoverSettings` with its settings.
        version: its VERSION.
        load: imports it; what comes back is called as `estimate(video, track, camera, body, settings, ctx)`.
        weights: called with its settings, checksum of the files it computes with.
        trained_body: called with its settings, the body that its weights were trained for; None for any. Another body
            is converted to afterwards.
        wants_steady_view: called with its settings, whether it is shown the landmarks of a camera that shakes as a calm
            one sees them (`steady_view`): for networks that read landmarks alone.
    """

    name: str
    settings: str
    version: int
    load: Callable[[], Callable[..., PoseEstimate]]
    weights: Callable[[Any], str]
    trained_body: Callable[[Any], TrainedBody | None] = lambda _settings: None
    wants_steady_view: Callable[[Any], bool] = lambda _settings: False


def find_estimator(name: str) -> Estimator:
    """The estimator of a name.

    Raises:
        RecoverError: `BAD_SETTING` when there is none.
    """
    if name not in ESTIMATORS:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f'There is no estimator "{name}".',
            f"Choose one of: {', '.join(ESTIMATORS)}.",
        )
    return ESTIMATORS[name]


def _load_kinematic() -> Callable[..., Any]:
    from .kinematic.estimate import estimate

    return estimate


def _kinematic_weights(_settings: Any) -> str:
    from .kinematic.prior import PRIOR_FILE

    return _checksum(PRIOR_FILE)


def _load_moro() -> Callable[..., Any]:
    from .moro.estimate import estimate

    return estimate


def _moro_weights(settings: moro.MoroSettings) -> str:
    from .moro.weights import weights_checksum

    return weights_checksum(settings)


def _moro_body(settings: moro.MoroSettings) -> TrainedBody:
    from .moro.weights import trained_body

    return trained_body(settings)


def _moro_reads_landmarks(settings: moro.MoroSettings) -> bool:
    from ...models.moro.files.weights_file import read_metadata
    from .moro.weights import weights_path

    return read_metadata(weights_path(settings))[0].backbone is None


def _load_rope() -> Callable[..., Any]:
    from .rope.estimate import estimate

    return estimate


def _rope_weights(settings: rope.RopeSettings) -> str:
    from .rope.weights import weights_checksum

    return weights_checksum(settings)


def _rope_body(settings: rope.RopeSettings) -> TrainedBody:
    from .rope.weights import trained_body

    return trained_body(settings)


def _rope_reads_landmarks(settings: rope.RopeSettings) -> bool:
    from ...models.rope.config import RopeConfig
    from ...models.rope.weights_file import read_metadata
    from .rope.weights import weights_path

    return RopeConfig.from_json(read_metadata(weights_path(settings))["config"]).input != "rgb"


def _load_rope_moro() -> Callable[..., Any]:
    from .rope_moro.estimate import estimate

    return estimate


def _rope_moro_weights(settings: rope_moro.RopeMoroSettings) -> str:
    from .rope_moro.estimate import weights_checksum

    return weights_checksum(settings)


def _rope_moro_body(settings: rope_moro.RopeMoroSettings) -> TrainedBody:
    from .rope_moro.estimate import trained_body

    return trained_body(settings)


def _rope_moro_reads_landmarks(settings: rope_moro.RopeMoroSettings) -> bool:
    from .rope_moro.estimate import missing_weights

    missing = missing_weights(settings)
    rope_does = "rope" in missing or _rope_reads_landmarks(settings.rope)
    return rope_does and ("moro" in missing or _moro_reads_landmarks(settings.moro))


def _checksum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The file {path.name} cannot be read ({error.strerror}).",
            "Install the extension again.",
        ) from error


ESTIMATORS: Final[dict[str, Estimator]] = {
    "moro": Estimator("moro", "moro", moro.VERSION, _load_moro, _moro_weights, _moro_body, _moro_reads_landmarks),
    "kinematic": Estimator("kinematic", "kinematic", kinematic.VERSION, _load_kinematic, _kinematic_weights),
    "rope": Estimator("rope", "rope", rope.VERSION, _load_rope, _rope_weights, _rope_body, _rope_reads_landmarks),
    "rope+moro": Estimator(
        "rope+moro",
        "rope_moro",
        rope_moro.VERSION,
        _load_rope_moro,
        _rope_moro_weights,
        _rope_moro_body,
        _rope_moro_reads_landmarks,
    ),
}
"""In the order in which a person is offered them, in the words of `protocol.estimators`: each is in both."""
