"""Everything a person can set about a recovery: the settings of all stages together, to and from JSON."""

import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.typed_json import WrongType, checked
from ..stages.camera.settings import CameraSettings
from ..stages.contacts.settings import ContactSettings
from ..stages.estimate.kinematic.settings import KinematicSettings
from ..stages.estimate.moro.settings import MoroSettings
from ..stages.estimate.rope.settings import RopeSettings
from ..stages.estimate.rope_moro.settings import LinkSettings, RopeMoroSettings
from ..stages.foot_lock.settings import FootLockSettings
from ..stages.frames.settings import FrameSettings
from ..stages.people.settings import PeopleSettings
from ..stages.physics.settings import PhysicsSettings
from ..stages.shots.settings import ShotSettings
from ..stages.trajectory.settings import TrajectorySettings
from ..stages.world.settings import WorldSettings


@dataclass(frozen=True)
class RecoverSettings:
    """The settings of a job. What is left out keeps its default.

    Attributes:
        estimator: name of the estimator (`stages.estimate.registry`).
        body: path of the body file; None for the open body.
        estimator_body: path of the body that the estimator's weights were trained for, where that is neither `body`
            nor the open one; the motion is then converted to `body`.
        frames, shots, people, camera, kinematic, moro, rope, world: the stages up to the motion.
        links: what Rope hands to MoRo where both run (rope+moro).
        trajectory: where paths are regenerated from what bodies do.
        contacts, foot_lock, physics: clean-up; changing these leaves all earlier stages as they are.
    """

    estimator: str = "moro"
    body: str | None = None
    estimator_body: str | None = None
    frames: FrameSettings = field(default_factory=FrameSettings)
    shots: ShotSettings = field(default_factory=ShotSettings)
    people: PeopleSettings = field(default_factory=PeopleSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    kinematic: KinematicSettings = field(default_factory=KinematicSettings)
    moro: MoroSettings = field(default_factory=MoroSettings)
    rope: RopeSettings = field(default_factory=RopeSettings)
    links: LinkSettings = field(default_factory=LinkSettings)
    world: WorldSettings = field(default_factory=WorldSettings)
    trajectory: TrajectorySettings = field(default_factory=TrajectorySettings)
    contacts: ContactSettings = field(default_factory=ContactSettings)
    foot_lock: FootLockSettings = field(default_factory=FootLockSettings)
    physics: PhysicsSettings = field(default_factory=PhysicsSettings)

    @property
    def rope_moro(self) -> RopeMoroSettings:
        """Settings of the estimator rope+moro: those of either, and the links between them."""
        return RopeMoroSettings(self.rope, self.moro, self.links)

    def to_json(self) -> dict[str, Any]:
        """All values, defaults included, as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> "RecoverSettings":
        """Settings from JSON data.

        Args:
            data: a JSON object such as `{"people": {"people": 2}}`.

        Raises:
            RecoverError: `BAD_SETTING` naming the setting that is unknown, of the wrong type or out of range.
        """
        return _read(cls, data, "")


def _read(cls: type, data: Any, prefix: str) -> Any:
    if not isinstance(data, dict):
        raise _bad(f"{prefix.removesuffix('.') or 'The settings'} should be an object with settings.")
    known = {entry.name for entry in fields(cls)}
    if unknown := sorted(set(data) - known):
        raise _bad(f'There is no setting "{prefix}{unknown[0]}".', f"Use one of: {', '.join(sorted(known))}.")
    hints = typing.get_type_hints(cls)
    values = {}
    for name, value in data.items():
        hint = hints[name]
        try:
            nested = isinstance(hint, type) and is_dataclass(hint)
            values[name] = _read(hint, value, f"{prefix}{name}.") if nested else checked(value, hint, prefix + name)
        except WrongType as error:
            raise _bad(f"The setting {error}") from error
    return cls(**values)


def _bad(sentence: str, remedy: str = "Correct the setting, or leave it out to use its default.") -> RecoverError:
    return RecoverError(ErrorCode.BAD_SETTING, sentence, remedy)
