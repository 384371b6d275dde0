"""A result file -> Blender objects, in steps short enough for a timer."""

from collections.abc import Generator
from dataclasses import dataclass, field

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.result_format import PersonResult, Result, person_name
from ..core.limbs import spans
from ..core.timing import KeyTimes
from .body_file import BodyFile
from .body_mesh import skin_material
from .camera import Footage, View, build_camera
from .names import TakeNames
from .person import PersonObjects, build_person, usable_frames


@dataclass(frozen=True)
class BuildSettings:
    """How a result becomes objects.

    Attributes:
        clip: what to call it, say the strip's name.
        footage: the video for the camera's background.
        position_only: the root bone moves, but does not turn.
        unseen_markers: put a marker on the timeline where a person is lost and found again.
    """

    clip: str
    footage: Footage | None = None
    position_only: bool = False
    unseen_markers: bool = True


@dataclass
class ShotObjects:
    """What was built for one shot."""

    collection: bpy.types.Collection
    camera: bpy.types.Object
    people: list[PersonObjects] = field(default_factory=list)


@dataclass
class Take:
    """What was built for one result.

    Attributes:
        name: what its names begin with.
        shots: in the order of the clip.
        notes: sentences for the person about what the camera cannot match by itself.
    """

    name: str
    shots: list[ShotObjects] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def people(self) -> list[PersonObjects]:
        """Everybody, shot after shot."""
        return [person for shot in self.shots for person in shot.people]


Step = tuple[float, str]
"""How far the building is, 0..1, and what was just built."""


def build_take(
    scene: bpy.types.Scene, result: Result, body: BodyFile, times: KeyTimes, settings: BuildSettings
) -> Generator[Step, None, Take]:
    """Build a result in `scene`, a collection for each shot. Nothing that was there is touched.

    A generator: each step takes well under a second and a half, whatever the number of people; its return value is
    the take. The scene gets the camera of the first shot only when it has none.

    Args:
        scene: where to build.
        result: what was recovered.
        body: its body, with the shape of each person.
        times: where the keys go, for the whole clip.
        settings: names and options.
    """
    names = TakeNames(settings.clip)
    take = Take(names.take, notes=_camera_notes(scene, result))
    shots = _shots(result, times)
    view = View(result.K, result.size_wh, result.R_cam_to_world, result.cam_pos_world, result.time_s, result.fps)
    aspect = _render_aspect(scene)
    material = skin_material(f"{names.take} skin")
    total = sum(len(people) for *_, people in shots)
    for shot, shot_times, people in shots:
        name = names.shot(shot, int(result.shot_id[-1]) + 1)
        collection = bpy.data.collections.new(name)
        scene.collection.children.link(collection)
        camera = build_camera(f"{name} camera", view, shot_times, settings.footage, aspect, collection)
        built = ShotObjects(collection, camera)
        take.shots.append(built)
        scene.camera = scene.camera or camera
        for person in people:
            label = names.person(person.person_id)
            done = len(take.people)
            like = take.people[0].mesh if done else None
            steps = build_person(
                label,
                person,
                body.people[person.person_id],
                body,
                result.time_s,
                shot_times,
                collection,
                floor_y=result.floor_y,
                position_only=settings.position_only,
                like=like,
            )
            for part, objects in enumerate(steps):
                if part == 0:
                    built.people.append(objects)
                    if like is None:
                        objects.mesh.data.materials.append(material)
                yield (done + (part + 1) / 3) / total, label
    if settings.unseen_markers:
        for _, shot_times, people in shots:
            for person in people:
                _mark_unseen(scene, person_name(person.person_id), person.valid, shot_times)
    return take


def finish(steps: Generator[Step, None, Take]) -> Take:
    """Run all steps at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _shots(result: Result, times: KeyTimes) -> list[tuple[int, KeyTimes, list[PersonResult]]]:
    """Every shot that the keys show, with its own keys and the people in it."""
    found = []
    for shot in np.unique(result.shot_id[times.clip_frame]):
        shot_times = times.select(result.shot_id[times.clip_frame] == shot)
        people = [person for person in result.people if usable_frames(person)[shot_times.clip_frame].any()]
        found.append((int(shot), shot_times, people))
    return found


def _render_aspect(scene: bpy.types.Scene) -> float:
    render = scene.render
    return render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)


def _camera_notes(scene: bpy.types.Scene, result: Result) -> list[str]:
    notes = []
    width, height = result.size_wh
    if abs(_render_aspect(scene) * height / width - 1.0) > 0.005:
        notes.append(
            f"The scene's resolution has another shape than the video's {width} x {height}: the camera shows the whole "
            "video and some more beside it. In a scene of the video's shape it shows exactly the video."
        )
    if np.abs(result.dist).max() > 1e-6:
        notes.append(
            "The video's lens bends straight lines and Blender's camera does not, so bodies near the picture's border "
            "may stand some pixels beside the video."
        )
    focal = result.K[:, 0, 0] / result.K[:, 1, 1]
    if np.abs(focal - 1.0).max() > 0.002:
        notes.append(
            "The given focal lengths differ between width and height: set the pixel aspect of the scene to match them."
        )
    return notes


def _mark_unseen(scene: bpy.types.Scene, who: str, valid: NDArray[np.bool_], times: KeyTimes) -> None:
    frames = np.rint(times.scene_frame).astype(int)
    for start, end in spans(~valid[times.clip_frame]):
        scene.timeline_markers.new(f"{who} unseen", frame=int(frames[start]))
        if end < len(frames):
            scene.timeline_markers.new(f"{who} seen", frame=int(frames[end]))
