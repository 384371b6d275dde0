"""Each stage as the graph runs it: what it takes and gives, and what its kept output depends on.

A method's name is its stage's. It gives the kept output when one was made from the same `inputs`, `settings` and
`weights` by the same VERSION; else it runs the stage.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..records.background import Background
from ..records.camera import Camera, WorldFrame
from ..records.context import StageContext
from ..records.motion import Contacts, PhysicsReport, PoseEstimate, TrajectoryReport, WorldMotion
from ..records.people import PersonTrack
from ..records.video import Shots, Video
from ..stages.background import settings as background_stage
from ..stages.camera import settings as camera_stage
from ..stages.contacts import settings as contacts_stage
from ..stages.convert import settings as convert_stage
from ..stages.foot_lock import settings as foot_lock_stage
from ..stages.frames import settings as frames_stage
from ..stages.people import settings as people_stage
from ..stages.physics import settings as physics_stage
from ..stages.shots import settings as shots_stage
from ..stages.trajectory import settings as trajectory_stage
from ..stages.world import settings as world_stage
from .edited_contacts import contacts_key
from .models import Models
from .settings import RecoverSettings
from .stage_runner import Output, StageRunner
from .stages import Stages

T = TypeVar("T")


@dataclass(frozen=True)
class Placed:
    """A clip's people in the world.

    Attributes:
        world: the camera there.
        motions: of each person.
        reports: on the paths that were regenerated, of each person; none where none was.
    """

    world: WorldFrame
    motions: list[WorldMotion]
    reports: list[TrajectoryReport] = field(default_factory=list)


class CachedStages:
    """The stages of one job."""

    def __init__(self, stages: Stages, settings: RecoverSettings, runner: StageRunner) -> None:
        self._stages, self._settings, self._run = stages, settings, runner.run

    def frames(self, path: Path, identity: str) -> Output[Video]:
        """The video; `identity` stands for what the file holds."""
        settings = self._settings.frames
        return self._run(
            "frames",
            frames_stage.VERSION,
            lambda ctx: self._stages.probe(path, settings, ctx),
            inputs=[identity],
            settings=settings,
        )

    def shots(self, video: Output[Video]) -> Output[Shots]:
        """Where the video is cut."""
        settings = self._settings.shots
        return self._run(
            "shots",
            shots_stage.VERSION,
            lambda ctx: self._stages.find_shots(video.value, settings, ctx),
            inputs=[video.key],
            settings=settings,
        )

    def people_and_background(
        self, video: Output[Video], shots: Output[Shots]
    ) -> tuple[Output[list[PersonTrack]], Output[Background | None]]:
        """People, and the background's points: None for a camera that is known to stand still.

        Two stages in one, since the second looks at the pictures that the first reads.
        """
        settings = self._settings.people
        watches = self._settings.camera.motion != "static"
        watched: list[Any] = []

        def find_people(ctx: StageContext) -> list[PersonTrack]:
            if not watches:
                return self._stages.find_people(video.value, shots.value, settings, ctx)
            watched[:] = [self._stages.watch_background(video.value, shots.value)]
            return self._stages.find_people(video.value, shots.value, settings, ctx, watched[0].see)

        people = self._run(
            "people",
            people_stage.VERSION,
            find_people,
            inputs=[video.key, shots.key],
            settings=settings,
            weights=self._stages.people_weights(),
        )
        if not watches:
            return people, Output(None, "")
        background = self._run(
            "background",
            background_stage.VERSION,
            lambda ctx: self._stages.follow_background(video.value, shots.value, settings, ctx, *watched),
            inputs=[video.key, shots.key, str(settings.working_side)],
            settings={},
        )
        return people, background

    def camera(
        self,
        video: Output[Video],
        shots: Output[Shots],
        people: Output[list[PersonTrack]],
        background: Output[Background | None],
    ) -> Output[Camera]:
        """The camera's lens, turns and zoom."""
        settings = self._settings.camera
        return self._run(
            "camera",
            camera_stage.VERSION,
            lambda ctx: self._stages.estimate_camera(
                video.value, shots.value, people.value, settings, ctx, background.value
            ),
            inputs=[video.key, shots.key, people.key, background.key],
            settings=settings,
        )

    def estimate(
        self, video: Output[Video], people: Output[list[PersonTrack]], camera: Output[Camera], models: Models
    ) -> list[Output[PoseEstimate]]:
        """Each person before the camera, on the body that the estimator's weights know."""
        estimator, body, settings = models.estimator, models.estimator_body, models.estimator_settings

        def one(track: PersonTrack, part: tuple[float, float]) -> Output[PoseEstimate]:
            return self._run(
                "estimate",
                estimator.version,
                lambda ctx: self._stages.estimate(estimator, video.value, track, camera.value, body, settings, ctx),
                inputs=[video.key, people.key, camera.key, body.sha256, estimator.name, str(track.person_id)],
                settings=settings,
                weights=models.estimator_weights,
                part=part,
            )

        return _each_person(one, people.value)

    def convert(self, motions: list[Output[PoseEstimate]], models: Models) -> list[Output[PoseEstimate]]:
        """The same motions on the body asked for."""
        source, target = models.estimator_body, models.body
        if not models.converts:
            return motions

        def one(motion: PoseEstimate, key: str, part: tuple[float, float]) -> Output[PoseEstimate]:
            return self._run(
                "convert",
                convert_stage.VERSION,
                lambda ctx: self._stages.convert_body(motion, source, target, ctx),
                inputs=[key, source.sha256, target.sha256],
                settings={},
                part=part,
            )

        return _each_person(one, _values(motions), [out.key for out in motions])

    def world(
        self,
        video: Output[Video],
        shots: Output[Shots],
        camera: Output[Camera],
        motions: list[Output[PoseEstimate]],
        models: Models,
    ) -> Output[Placed]:
        """Camera and people on a floor."""
        settings = self._settings.world
        out = self._run(
            "world",
            world_stage.VERSION,
            lambda ctx: self._stages.place_in_world(
                video.value, shots.value, camera.value, _values(motions), models.body, settings, ctx
            ),
            inputs=[video.key, shots.key, camera.key, *(motion.key for motion in motions)],
            settings=settings,
        )
        world, placed = out.value
        return Output(Placed(world, placed), out.key)

    def trajectory(
        self,
        video: Output[Video],
        shots: Output[Shots],
        camera: Output[Camera],
        motions: list[Output[PoseEstimate]],
        placed: Output[Placed],
        models: Models,
    ) -> Output[Placed]:
        """The same people on paths regenerated from what their bodies do, where the settings ask for it."""
        settings, weights = self._settings.trajectory, models.trajectory_weights
        motion = enumerate(camera.value.motion)
        carried = {shot: shots.value.frames(shot) for shot, does in motion if does == "carried"}
        if not settings.has_work(weights, bool(carried)):
            return placed
        world, raw = placed.value.world, placed.value.motions
        out = self._run(
            "trajectory",
            trajectory_stage.VERSION,
            lambda ctx: self._stages.regenerate_paths(
                video.value, world, _values(motions), raw, models.body, settings, ctx, carried
            ),
            inputs=[placed.key],
            settings=settings,
            weights=weights,
        )
        moved, reports, world = out.value
        return Output(Placed(world, moved, reports), out.key)

    def contacts(
        self, video: Output[Video], placed: Output[Placed], edited: dict[int, Contacts], models: Models
    ) -> list[Output[Contacts]]:
        """When each person's feet stand: as `edited` by person id, else found."""
        settings = self._settings.contacts

        def one(motion: WorldMotion, part: tuple[float, float]) -> Output[Contacts]:
            if given := edited.get(motion.person_id):
                return Output(given, contacts_key(given))
            return self._run(
                "contacts",
                contacts_stage.VERSION,
                lambda ctx: self._stages.find_contacts(video.value, motion, models.body, settings, ctx),
                inputs=[placed.key, str(motion.person_id)],
                settings=settings,
                part=part,
            )

        return _each_person(one, placed.value.motions)

    def foot_lock(
        self, video: Output[Video], placed: Output[Placed], contacts: list[Output[Contacts]], models: Models
    ) -> list[Output[WorldMotion]]:
        """Each person with feet that stay where they stand."""
        settings = self._settings.foot_lock

        def one(motion: WorldMotion, contact: Output[Contacts], part: tuple[float, float]) -> Output[WorldMotion]:
            return self._run(
                "foot_lock",
                foot_lock_stage.VERSION,
                lambda ctx: self._stages.lock_feet(video.value, motion, contact.value, models.body, settings, ctx),
                inputs=[placed.key, contact.key, str(motion.person_id)],
                settings=settings,
                part=part,
            )

        return _each_person(one, placed.value.motions, contacts)

    def physics(
        self,
        video: Output[Video],
        placed: Output[Placed],
        locked: list[Output[WorldMotion]],
        contacts: list[Output[Contacts]],
        models: Models,
    ) -> tuple[list[WorldMotion], list[PhysicsReport]]:
        """Each person as a simulated body follows them, and what was done; no reports where physics is off."""
        settings, lock = self._settings.physics, self._settings.foot_lock
        if settings.mode == "never":
            return _values(locked), []
        floor_found = placed.value.world.floor_found

        def one(
            motion: WorldMotion, key: str, contact: Output[Contacts], part: tuple[float, float]
        ) -> Output[tuple[WorldMotion, PhysicsReport]]:
            return self._run(
                "physics",
                physics_stage.VERSION,
                lambda ctx: self._stages.apply_physics(
                    video.value, motion, contact.value, floor_found[motion.shot], models.body, settings, lock, ctx
                ),
                inputs=[key, contact.key],
                settings=settings,
                weights=self._stages.simulator(),
                part=part,
            )

        outs = _each_person(one, _values(locked), [out.key for out in locked], contacts)
        return [motion for motion, _ in _values(outs)], [report for _, report in _values(outs)]


def _each_person(run: Callable[..., Output[T]], people: Sequence[Any], *more: Sequence[Any]) -> list[Output[T]]:
    """`run(person, *more, part)` for each; `part` is theirs of the stage, 0..1, by their number of frames."""
    sizes = [len(person.frames) for person in people]
    ends = (np.cumsum([0, *sizes]) / max(sum(sizes), 1)).tolist()
    return [run(*its) for its in zip(people, *more, pairwise(ends), strict=True)]


def _values(outs: Sequence[Output[T]]) -> list[T]:
    return [out.value for out in outs]
