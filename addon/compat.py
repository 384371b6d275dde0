"""Version gaps of Blender's API, all in one place: the rest of the add-on asks here.

Actions got slots in 4.4 and lost their own curves in 5.0; strips were renamed in 4.4 and lost their old names in 5.0;
the names of a strip's timing changed in 5.1.
"""

from dataclasses import dataclass, replace
from typing import Any

import bpy

Strip = getattr(bpy.types, "Strip", None) or bpy.types.Sequence
"""A strip of the Sequencer, whatever this Blender calls the type."""

HAS_SLOTS = bpy.app.version >= (4, 4, 0)

BLEND_RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Options of a path property that may begin with `//`, the folder of the .blend file."""


class ActionCurves:
    """The curves of one action for one kind of data-block, whichever way this Blender stores them."""

    def __init__(self, action: bpy.types.Action, id_type: str, slot_name: str) -> None:
        """Make `action`, which must be empty, ready to animate a data-block of `id_type` (`OBJECT`, `CAMERA`, ...)."""
        self.action = action
        self.slot = None
        self._owner: Any = action
        if HAS_SLOTS:
            self.slot = action.slots.new(id_type=id_type, name=slot_name)
            strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
            self._owner = strip.channelbag(self.slot, ensure=True)
        else:
            action.id_root = id_type

    def new(self, data_path: str, index: int) -> bpy.types.FCurve:
        """A new curve without keys."""
        return self._owner.fcurves.new(data_path, index=index)

    def group(self, name: str) -> bpy.types.ActionGroup:
        """The curve group `name`, made when it is not there."""
        return self._owner.groups.get(name) or self._owner.groups.new(name)


def existing_curves(owner: bpy.types.ID) -> tuple[bpy.types.Action, Any] | None:
    """The action in use of a data-block, and the collection that holds its curves; None without either."""
    data = owner.animation_data
    if data is None or data.action is None:
        return None
    if not HAS_SLOTS:
        return data.action, data.action
    for layer in data.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(data.action_slot) if data.action_slot else None
            if bag is not None:
                return data.action, bag
    return None


def action_fcurves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    """All curves of an action, of all its slots."""
    if not HAS_SLOTS:
        return list(action.fcurves)
    return [
        fcurve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for fcurve in bag.fcurves
    ]


def assign_action(owner: bpy.types.ID, curves: ActionCurves) -> None:
    """Let `owner` be animated by an action made here."""
    data = owner.animation_data_create()
    data.action = curves.action
    if curves.slot is not None:
        data.action_slot = curves.slot


def assign_strip_action(strip: bpy.types.NlaStrip, curves: ActionCurves) -> None:
    """Let an NLA strip that plays the action use the right slot of it."""
    if curves.slot is not None:
        strip.action_slot = curves.slot


def sequencer_strips(editor: bpy.types.SequenceEditor) -> Any:
    """The strips of a sequencer (a collection with `new_movie`)."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


@dataclass(frozen=True)
class StripPlace:
    """Where a strip lies on the timeline, in scene frames.

    Attributes:
        first, stop: what it covers, `stop` exclusive.
        content_start: where its content begins; may lie before `first`, and between frames.
        content_frames: length of its content.
        cut_start, cut_end: file frames cut from the start and the end of its content.
    """

    first: int
    stop: int
    content_start: float
    content_frames: int
    cut_start: int
    cut_end: int


def strip_place(strip: Strip) -> StripPlace:
    """Where a movie or image strip lies."""
    names = _PLACE_NAMES if hasattr(strip, "left_handle") else _PLACE_NAMES_BEFORE_5_1
    place = StripPlace(*(getattr(strip, name) for name in names))
    if bpy.app.version < (4, 5, 0):
        # There the length of the content leaves the strip's own pace out; its handles do not.
        length = place.stop + round(strip.frame_offset_end) - place.content_start
        return replace(place, content_frames=round(length))
    return place


_PLACE_NAMES = (
    "left_handle",
    "right_handle",
    "content_start",
    "content_duration",
    "content_trim_start",
    "content_trim_end",
)
_PLACE_NAMES_BEFORE_5_1 = (
    "frame_final_start",
    "frame_final_end",
    "frame_start",
    "frame_duration",
    "animation_offset_start",
    "animation_offset_end",
)
