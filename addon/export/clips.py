"""The clips of an armature: the motion as it is shown, and each strip of its NLA tracks by itself."""

import math
import re
from dataclasses import dataclass

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import action_fcurves


@dataclass(frozen=True)
class Clip:
    """A span of motion.

    Attributes:
        label: what it is called, without the armature's name.
        first, last: whole scene frames.
        track, strip: indices of the NLA strip that alone is meant; None for the motion as it is shown.
    """

    label: str
    first: int
    last: int
    track: int | None = None
    strip: int | None = None


def shown_clip(armature: bpy.types.Object, frames: tuple[int, int] | None = None) -> Clip:
    """The motion that the armature shows: its action, or else its NLA tracks that are not muted.

    Args:
        armature: whose motion.
        frames: first and last scene frame, when they are to be others; then anything that moves will do.

    Raises:
        RecoverError: `BAD_SETTING`, there is no motion, or the action has no keys.
    """
    data = armature.animation_data
    action = data.action if data else None
    label = _label(armature, action.name if action else "")
    if frames is not None:
        if frames[1] < frames[0]:
            raise RecoverError(
                ErrorCode.BAD_SETTING,
                f"The frames to export end ({frames[1]}) before they start ({frames[0]}).",
                "Correct the scene's frame range.",
            )
        return Clip(label, *frames)
    spans = []
    if action is not None and _has_keys(action):
        spans.append(tuple(action.frame_range))
    elif data is not None and not data.use_tweak_mode:
        strips = [strip for track in data.nla_tracks if not track.mute for strip in track.strips if not strip.mute]
        spans += [(strip.frame_start, strip.frame_end) for strip in strips]
    if not spans:
        what = "has no motion" if action is None else f"uses the action {action.name}, which has no keys"
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The armature {armature.name} {what}.",
            "Give it an action with keys, or choose the scene's frames to be exported.",
        )
    start, end = min(span[0] for span in spans), max(span[1] for span in spans)
    return Clip(label, math.floor(start), math.ceil(end))


def all_clips(armature: bpy.types.Object) -> list[Clip]:
    """The motion that the armature shows, and every NLA strip of it that has keys.

    Raises:
        RecoverError: `BAD_SETTING`, there is none of either.
    """
    clips = []
    shown = None
    try:
        clips.append(shown_clip(armature))
    except RecoverError as error:
        shown = error
    data = armature.animation_data
    for i, track in enumerate(data.nla_tracks if data else ()):
        for j, strip in enumerate(track.strips):
            if strip.action is not None and strip.action != data.action and _has_keys(strip.action):
                first, last = math.floor(strip.frame_start), math.ceil(strip.frame_end)
                clips.append(Clip(_label(armature, strip.name), first, last, i, j))
    if not clips:
        raise shown
    return clips


def _has_keys(action: bpy.types.Action) -> bool:
    return any(len(fcurve.keyframe_points) for fcurve in action_fcurves(action))


def _label(armature: bpy.types.Object, name: str) -> str:
    """The name of an action without that of its armature, which stands beside it in every file name."""
    name = name.removesuffix(f" on {armature.name}")  # as retargeted actions are called
    return re.sub(r"^\W+", "", name.removeprefix(armature.name)).strip() or "motion"
