"""The stage functions that the graph calls, each imported at its first use.

So `--help`, `doctor` and a changed clean-up setting load only what they need; and whoever wants another stage in place
of one of these overrides its method.
"""

from pathlib import Path
from typing import Any

from ..records.camera import Camera, WorldFrame
from ..records.context import StageContext
from ..records.motion import Contacts, PoseEvidence, WorldMotion
from ..records.people import PersonTrack
from ..records.video import Shots, Video
from ..stages.estimate.registry import Estimator
from .settings import (
    CameraSettings,
    ContactSettings,
    FootLockSettings,
    FrameSettings,
    PeopleSettings,
    ShotSettings,
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

    def find_people(self, video: Video, shots: Shots, settings: PeopleSettings, ctx: StageContext) -> list[PersonTrack]:
        """See `stages.people.find_people`."""
        from ..stages.people.find_people import find_people

        return find_people(video, shots, settings, ctx)

    def estimate_camera(
        self, video: Video, shots: Shots, tracks: list[PersonTrack], settings: CameraSettings, ctx: StageContext
    ) -> Camera:
        """See `stages.camera.stage.estimate_camera`."""
        from ..stages.camera.stage import estimate_camera

        return estimate_camera(video, shots, tracks, settings, ctx)

    def estimate(
        self,
        estimator: Estimator,
        video: Video,
        track: PersonTrack,
        camera: Camera,
        body: Any,
        settings: Any,
        ctx: StageContext,
    ) -> PoseEvidence:
        """Run the chosen estimator for one person; see `stages.estimate.registry`."""
        try:
            return estimator.load()(video, track, camera, body, settings, ctx)
        finally:
            body.to("cpu")  # where the other stages expect it; an estimator may have moved it to its device

    def place_in_world(
        self,
        video: Video,
        shots: Shots,
        camera: Camera,
        motions: list[PoseEvidence],
        body: Any,
        settings: WorldSettings,
        ctx: StageContext,
    ) -> tuple[WorldFrame, list[WorldMotion]]:
        """See `stages.world.stage.place_in_world`."""
        from ..stages.world.stage import place_in_world

        return place_in_world(video, shots, camera, motions, body, settings, ctx)

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
