"""The stage functions that the graph calls, each imported at its first use.

So `--help`, `doctor` and a changed clean-up setting load only what they need; and whoever wants another stage in place
of one of these overrides its method.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..records.background import Background
from ..records.camera import Camera, WorldFrame
from ..records.context import StageContext
from ..records.motion import Contacts, PhysicsReport, PoseEstimate, TrajectoryReport, WorldMotion
from ..records.people import PersonTrack
from ..records.video import Shots, Video
from ..stages.estimate.registry import Estimator
from .settings import (
    CameraSettings,
    ContactSettings,
    FootLockSettings,
    FrameSettings,
    PeopleSettings,
    PhysicsSettings,
    ShotSettings,
    TrajectorySettings,
    WorldSettings,
)


class Stages:
    """The product's stages. Arguments and results are described where each is defined."""

    def probe(self, path: Path, settings: FrameSettings, _ctx: StageContext) -> Video:
        """See `stages.frames.probe.probe`."""
        from ..stages.frames.probe import probe

        return probe(path, settings.start_s, settings.end_s, image_fps=settings.image_fps, stream=settings.stream)

    def find_shots(self, video: Video, settings: ShotSettings, ctx: StageContext) -> Shots:
        """See `stages.shots.find_shots`."""
        from ..stages.shots.find_shots import find_shots

        return find_shots(video, settings, ctx)

    def people_weights(self) -> str:
        """Checksum of the model that finds people.

        Raises:
            RecoverError: `MISSING_PART` when the model is not there.
        """
        from ..models.pose_landmarker.location import MODEL_SHA256, find_model

        find_model()
        return MODEL_SHA256

    def find_people(
        self,
        video: Video,
        shots: Shots,
        settings: PeopleSettings,
        ctx: StageContext,
        watch: Callable[[int, Any], None] | None = None,
    ) -> list[PersonTrack]:
        """See `stages.people.find_people`."""
        from ..stages.people.find_people import find_people

        return find_people(video, shots, settings, ctx, watch)

    def watch_background(self, video: Video, shots: Shots) -> Any:
        """What may `see` the pictures of the people stage, and is given to `follow_background` then."""
        from ..stages.background.follower import BackgroundFollower

        return BackgroundFollower(video, shots)

    def follow_background(
        self, video: Video, shots: Shots, settings: PeopleSettings, ctx: StageContext, watched: Any = None
    ) -> Background:
        """See `stages.background.stage.follow_background`."""
        from ..stages.background.stage import follow_background

        return follow_background(video, shots, settings.working_side, ctx, watched)

    def estimate_camera(
        self,
        video: Video,
        shots: Shots,
        tracks: list[PersonTrack],
        settings: CameraSettings,
        ctx: StageContext,
        background: Background | None = None,
    ) -> Camera:
        """See `stages.camera.stage.estimate_camera`."""
        from ..stages.camera.stage import estimate_camera

        return estimate_camera(video, shots, tracks, settings, ctx, background)

    def estimate(
        self,
        estimator: Estimator,
        video: Video,
        track: PersonTrack,
        camera: Camera,
        body: Any,
        settings: Any,
        ctx: StageContext,
    ) -> PoseEstimate:
        """Run the chosen estimator for one person; see `stages.estimate.registry`."""
        from ..stages.estimate.steady_view import steady_view, turned_back

        seen = None
        if camera.turn_of(track.frames) is not None and estimator.wants_steady_view(settings):
            seen = steady_view(video, track, camera)
        shown, calm = seen or (track, camera)
        try:
            motion = estimator.load()(video, shown, calm, body, settings, ctx)
        finally:
            body.to("cpu")  # where the other stages expect it; an estimator may have moved it to its device
        return motion if seen is None else turned_back(motion, calm, camera, body)

    def convert_body(self, motion: PoseEstimate, source: Any, target: Any, ctx: StageContext) -> PoseEstimate:
        """See `stages.convert.stage.convert_body`."""
        from ..stages.convert.stage import convert_body

        return convert_body(motion, source, target, ctx)

    def place_in_world(
        self,
        video: Video,
        shots: Shots,
        camera: Camera,
        motions: list[PoseEstimate],
        body: Any,
        settings: WorldSettings,
        ctx: StageContext,
    ) -> tuple[WorldFrame, list[WorldMotion]]:
        """See `stages.world.stage.place_in_world`."""
        from ..stages.world.stage import place_in_world

        return place_in_world(video, shots, camera, motions, body, settings, ctx)

    def trajectory_weights(self, settings: TrajectorySettings) -> str:
        """Checksum of the trajectory network's weights, "" when there are none.

        Raises:
            RecoverError: `MISSING_PART` when the settings name a file that is not there.
        """
        from ..stages.trajectory.weights import weights_checksum

        return weights_checksum(settings)

    def regenerate_paths(
        self,
        video: Video,
        world: WorldFrame,
        estimates: list[PoseEstimate],
        motions: list[WorldMotion],
        body: Any,
        settings: TrajectorySettings,
        ctx: StageContext,
        carried: dict[int, Any] | None = None,
    ) -> tuple[list[WorldMotion], list[TrajectoryReport], WorldFrame]:
        """See `stages.trajectory.stage.regenerate_paths`."""
        from ..stages.trajectory.stage import regenerate_paths

        return regenerate_paths(video, world, estimates, motions, body, settings, ctx, carried)

    def find_contacts(
        self, video: Video, motion: WorldMotion, body: Any, settings: ContactSettings, ctx: StageContext
    ) -> Contacts:
        """See `stages.contacts.stage.find_contacts`."""
        from ..stages.contacts.stage import find_contacts

        return find_contacts(video, motion, body, settings, ctx)

    def lock_feet(
        self,
        video: Video,
        motion: WorldMotion,
        contacts: Contacts,
        body: Any,
        settings: FootLockSettings,
        ctx: StageContext,
    ) -> WorldMotion:
        """See `stages.foot_lock.stage.lock_feet`."""
        from ..stages.foot_lock.stage import lock_feet

        return lock_feet(video, motion, contacts, body, settings, ctx)

    def simulator(self) -> str:
        """Version of the physics simulator, "" when it is not installed."""
        from ..stages.physics.simulator import simulator_version

        return simulator_version()

    def apply_physics(
        self,
        video: Video,
        motion: WorldMotion,
        contacts: Contacts,
        floor_found: bool,
        body: Any,
        settings: PhysicsSettings,
        lock: FootLockSettings,
        ctx: StageContext,
    ) -> tuple[WorldMotion, PhysicsReport]:
        """See `stages.physics.stage.apply_physics`."""
        from ..stages.physics.stage import apply_physics

        return apply_physics(video, motion, contacts, floor_found, body, settings, lock, ctx)
