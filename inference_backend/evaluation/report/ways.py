"""What is compared: estimators and settings of the whole pipeline, each with all that its figures depend on."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from ...body.open_body import OPEN_BODY_SHA256
from ...pipeline.settings import RecoverSettings
from ...protocol.errors import ErrorCode, RecoverError
from ...stages.background import settings as background
from ...stages.camera import settings as camera
from ...stages.contacts import settings as contacts
from ...stages.convert import settings as convert
from ...stages.estimate.moro.settings import MoroSettings
from ...stages.estimate.registry import find_estimator
from ...stages.estimate.rope.settings import RopeSettings
from ...stages.estimate.rope.weights import weights_checksum as rope_checksum
from ...stages.estimate.rope_moro.settings import LinkSettings
from ...stages.foot_lock import settings as foot_lock
from ...stages.foot_lock.settings import FootLockSettings
from ...stages.frames import settings as frames
from ...stages.people import settings as people
from ...stages.physics import settings as physics
from ...stages.physics.settings import PhysicsSettings
from ...stages.shots import settings as shots
from ...stages.trajectory import settings as trajectory
from ...stages.trajectory.settings import TrajectorySettings
from ...stages.trajectory.weights import weights_checksum as trajectory_checksum
from ...stages.world import settings as world

SCORING: Final = 1
"""Rises when the figures of the same motion change."""
_STAGES: Final = {
    "frames": frames, "shots": shots, "people": people, "background": background, "camera": camera, "convert": convert,
    "world": world, "trajectory": trajectory, "contacts": contacts, "foot_lock": foot_lock, "physics": physics,
}  # fmt: skip


def _without_paths(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings but for where weights lie, since their checksum counts."""
    return {
        name: _without_paths(value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name != "weights"
    }


@dataclass(frozen=True)
class Way:
    """A way to recover a clip.

    Attributes:
        name: for the tables.
        settings: of the whole pipeline; a camera that is given is filled in clip by clip.
    """

    name: str
    settings: RecoverSettings

    def estimator_recipe(self) -> dict[str, Any]:
        """All that the estimator's output depends on, but for the clip.

        Raises:
            RecoverError: `MISSING_PART` when weights are not there.
        """
        estimator = find_estimator(self.settings.estimator)
        own = getattr(self.settings, estimator.settings)
        if self.settings.estimator == "rope+moro":
            rope_checksum(self.settings.rope)  # alone, MoRo would run under the name of both
        return {
            "scoring": SCORING,
            "estimator": self.settings.estimator,
            "version": estimator.version,
            "settings": _without_paths(asdict(own)),
            "weights": estimator.weights(own),
            "body": OPEN_BODY_SHA256,
        }

    def recipe(self) -> dict[str, Any]:
        """All that a result depends on, but for the clip.

        Raises:
            RecoverError: `MISSING_PART` when weights are not there.
        """
        versions = {name: module.VERSION for name, module in _STAGES.items()}
        plain = self.settings.to_json()
        if not self.settings.trajectory.has_work(path_weights := trajectory_checksum(self.settings.trajectory)):
            path_weights = ""
            plain["trajectory"] = versions["trajectory"] = None
        if self.settings.physics.mode == "never":
            plain["physics"] = versions["physics"] = None
        kept = ("frames", "shots", "people", "world", "trajectory", "contacts", "foot_lock", "physics")
        return {
            **self.estimator_recipe(),
            "stages": {name: plain[name] for name in kept},
            "versions": versions,
            "path_weights": path_weights,
        }

    def weights(self) -> str:
        """First letters of the checksum of the estimator's weights."""
        return str(self.estimator_recipe()["weights"])[:8]


def available(ways: list[Way]) -> tuple[list[Way], list[str]]:
    """Ways whose weights are there, and a sentence for each of the others.

    Raises:
        RecoverError: anything else than missing weights.
    """
    there, missing = [], []
    for way in ways:
        try:
            way.recipe()
        except RecoverError as error:
            if error.code != ErrorCode.MISSING_PART:
                raise
            missing.append(f"{way.name}: {error.sentence}")
        else:
            there.append(way)
    return there, missing


def estimator_ways(moro: str | None = None, rope: str | None = None) -> list[Way]:
    """Every estimator with the rest of the pipeline at its defaults.

    Args:
        moro, rope: paths of weights in place of the bundled ones.
    """
    networks = RecoverSettings(moro=MoroSettings(weights=moro), rope=RopeSettings(weights=rope))
    return [
        Way("kinematic", replace(networks, estimator="kinematic")),
        Way("moro", replace(networks, estimator="moro", moro=replace(networks.moro, refine=False))),
        Way("moro + refinement", replace(networks, estimator="moro", moro=replace(networks.moro, refine=True))),
        Way("rope", replace(networks, estimator="rope", rope=replace(networks.rope, refine=False))),
        Way("rope + refinement", replace(networks, estimator="rope", rope=replace(networks.rope, refine=True))),
        Way("rope+moro", replace(networks, estimator="rope+moro", moro=replace(networks.moro, refine=True))),
    ]


def link_ways(base: Way) -> list[Way]:
    """rope+moro with and without its links.

    Args:
        base: rope+moro.
    """
    links = {
        "seed tokens and coarse trajectory": LinkSettings(seed_tokens=True, coarse_trajectory=True),
        "seed tokens": LinkSettings(seed_tokens=True, coarse_trajectory=False),
        "coarse trajectory": LinkSettings(seed_tokens=False, coarse_trajectory=True),
        "visibility only": LinkSettings(seed_tokens=False, coarse_trajectory=False),
    }
    return [Way(f"{base.name}, {name}", replace(base.settings, links=chosen)) for name, chosen in links.items()]


def stage_ways(base: Way) -> list[Way]:
    """An estimator with stages after it switched on and off; regeneration is left out where it has no weights.

    Args:
        base: the estimator.
    """
    never = replace(base.settings, trajectory=replace(base.settings.trajectory, trigger="never"))

    def way(name: str, **changed: Any) -> Way:
        return Way(f"{base.name}, {name}", replace(never, **changed))

    ways = [
        way("without foot lock", foot_lock=FootLockSettings(strength=0.0)),
        way("foot lock"),
        way("foot lock, physics auto", physics=PhysicsSettings(mode="auto")),
        way("foot lock, physics always", physics=PhysicsSettings(mode="always")),
    ]
    if trajectory_checksum(replace(base.settings.trajectory, trigger="always")):
        for trigger in ("auto", "always"):
            path = TrajectorySettings(trigger=trigger, weights=base.settings.trajectory.weights)
            ways.append(way(f"regeneration {trigger}, foot lock", trajectory=path))
        ways.append(
            way("regeneration always, without foot lock", trajectory=path, foot_lock=FootLockSettings(strength=0.0))
        )
        ways.append(
            way("regeneration auto, foot lock, physics auto",
                trajectory=replace(path, trigger="auto"), physics=PhysicsSettings(mode="auto"))
        )  # fmt: skip
    return ways
