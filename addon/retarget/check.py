"""The check of a retargeted rig as Blender shows it: bone directions beside the source's, and how far feet slide."""

from dataclasses import dataclass
from typing import Final

import bpy
import numpy as np

from ...inference_backend.protocol.skeleton import CONTACT_POINTS, JOINTS
from ..core.limbs import spans
from ..core.retarget.bone_map import BoneMap
from ..core.retarget.figures import slide
from ..core.retarget.parts import NEXT, SIDES
from ..core.retarget.planting import standing
from ..core.retarget.rotations import angle_between
from ..core.retarget.skeletons import Array
from .source_motion import read_clip
from .space import other_side, space_of
from .target_checks import check_evaluated

_FRAMES: Final = 60
_PART_RULE: Final = ("ankle", "collar")


@dataclass(frozen=True)
class Check:
    """What was measured.

    Attributes:
        direction_error: largest angle in radians between a limb's bone and the source's.
        direction_part: the part it is of.
        slide_m: farthest that a planted foot's bone moved within one contact, metres; None without contacts.
        frames: how many frames were looked at.
    """

    direction_error: float
    direction_part: str
    slide_m: float | None
    frames: int

    def sentence(self) -> str:
        """The figures for a person."""
        part = self.direction_part.replace("_", " ")
        text = f"Largest direction error {np.degrees(self.direction_error):.1f} degrees ({part})"
        feet = f", feet slide {1000 * self.slide_m:.1f} mm" if self.slide_m is not None else ""
        return f"{text}{feet}; measured in {self.frames} frames."


def check(source: bpy.types.Object, obj: bpy.types.Object, bone_map: BoneMap, scene: bpy.types.Scene) -> Check:
    """Measure a rig that was retargeted, in up to 60 frames of the scene's range; the current frame is kept.

    Args:
        source: the recovered armature; obj: the rig; bone_map: what its bones show.
        scene: of both.

    Raises:
        RecoverError: `BAD_INPUT`, one of them is not evaluated, or the source has no motion.
    """
    for armature in (source, obj):
        check_evaluated(armature, bpy.context.view_layer)
    frames = np.unique(np.linspace(scene.frame_start, scene.frame_end, _FRAMES).round().astype(int))
    pairs = limb_pairs(bone_map, mirrored=space_of(obj).mirrored)
    now = scene.frame_current, scene.frame_subframe
    errors = {part: 0.0 for part, *_ in pairs}
    feet: dict[str, list[Array]] = {side: [] for side in SIDES}
    try:
        for frame in frames:
            scene.frame_set(int(frame))
            graph = bpy.context.evaluated_depsgraph_get()
            ours, theirs = source.evaluated_get(graph), obj.evaluated_get(graph)
            for part, *ends in pairs:
                errors[part] = max(errors[part], _apart(ours, theirs, *ends))
            for side in SIDES:
                chain = bone_map.bones.get(f"{side}_foot") or bone_map.bones.get(f"{side}_ankle")
                if chain:
                    feet[side].append(np.array(theirs.matrix_world @ theirs.pose.bones[chain[0]].head))
    finally:
        scene.frame_set(now[0], subframe=now[1])
    worst = max(errors, key=errors.get, default="")
    contacts = _contacts(source, obj, frames, scene)
    slides = [
        found
        for side in SIDES
        for within in contacts[side]
        if feet[side] and (found := slide(np.array(feet[side])[within], np.ones(len(within), dtype=bool))) is not None
    ]
    return Check(errors.get(worst, 0.0), worst, max(slides, default=None), len(frames))


def _contacts(
    source: bpy.types.Object, obj: bpy.types.Object, frames: Array, scene: bpy.types.Scene
) -> dict[str, list[Array]]:
    """Rows of `frames` within each contact of a foot, by side; between two contacts may be less than between frames."""
    space = space_of(obj)
    clip = read_clip(source, scene, space)
    motion = clip.motion
    found = {}
    for side in SIDES:
        points = motion.places[:, JOINTS.index(f"{side}_foot")]
        contact = motion.contact[:, CONTACT_POINTS.index(f"{side}_toe")]
        known = spans(standing(contact, points, motion.time_s, space.scale))
        at = [(clip.frames[a], clip.frames[b - 1]) for a, b in known]
        found[side] = [np.flatnonzero((frames >= first) & (frames <= last)) for first, last in at]
    return found


def limb_pairs(bone_map: BoneMap, *, mirrored: bool) -> list[tuple[str, str, str, str, str]]:
    """Limbs that are matched by direction: part, the source's two joints, and the rig's two bones.

    Args:
        bone_map: what the rig's bones show.
        mirrored: whether the rig's left bones show the source's right side, see `Space`.
    """
    shown = other_side if mirrored else str
    return [
        (part, shown(part), shown(following), bone_map.bones[part][0], bone_map.bones[following][0])
        for part, following in NEXT.items()
        if part in bone_map.bones and following in bone_map.bones and not part.endswith(_PART_RULE)
    ]


def _apart(ours: bpy.types.Object, theirs: bpy.types.Object, a: str, b: str, bone_a: str, bone_b: str) -> float:
    """Angle between the source's direction from joint to joint and the rig's from bone to bone."""
    if a not in ours.pose.bones or b not in ours.pose.bones:
        return 0.0
    first = ours.matrix_world.to_3x3() @ (ours.pose.bones[b].head - ours.pose.bones[a].head)
    second = theirs.matrix_world.to_3x3() @ (theirs.pose.bones[bone_b].head - theirs.pose.bones[bone_a].head)
    return float(angle_between(np.array(first), np.array(second)))
