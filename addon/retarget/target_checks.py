"""Which armatures can be retargeted to, and the sentences for those that cannot."""

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError


def check_target(obj: bpy.types.Object | None) -> None:
    """Refuse what cannot be animated.

    Raises:
        RecoverError: `BAD_INPUT`, with what to do.
    """
    if obj is None:
        raise RecoverError(ErrorCode.BAD_INPUT, "A pair has no rig to move.", "Choose your character's armature.")
    if obj.type != "ARMATURE":
        raise RecoverError(ErrorCode.BAD_INPUT, f"{obj.name!r} is not an armature.", "Choose an armature.")
    check_present(obj)
    if obj.library is not None or (obj.override_library is not None and obj.override_library.is_system_override):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} is linked from another file, where it cannot be animated.",
            "Make a library override of it first (Object > Library Override > Make).",
        )
    if not obj.data.bones:
        raise RecoverError(ErrorCode.BAD_INPUT, f"{obj.name!r} has no bones.", "Choose a rig with bones.")
    if obj.pose is None:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The collection of {obj.name!r} was never shown, so it has no pose.",
            "Show it once in the outliner, and try again.",
        )
    if obj.mode == "EDIT":
        raise RecoverError(
            ErrorCode.BAD_INPUT, f"{obj.name!r} is in edit mode.", "Leave edit mode (Tab) and try again."
        )
    if obj.animation_data is not None and obj.animation_data.use_tweak_mode:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"A strip of {obj.name!r} is being tweaked in the NLA editor, which locks its action.",
            "Leave tweak mode there (Tab) and try again.",
        )


def check_present(obj: bpy.types.Object) -> None:
    """Refuse an object that was deleted: a pair that names it keeps it in the file, but nobody sees it.

    Raises:
        RecoverError: `BAD_INPUT`, it is in no scene.
    """
    if not obj.users_scene:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} is in no scene: it was deleted, or never added to one.",
            "Undo its removal, or choose another armature.",
        )


def check_evaluated(obj: bpy.types.Object, layer: bpy.types.ViewLayer) -> None:
    """Refuse an armature object whose pose Blender does not work out, so that what moves it cannot be seen.

    Raises:
        RecoverError: `BAD_INPUT`, it is not in the view layer, or it is disabled in viewports.
    """
    check_present(obj)
    if obj.hide_viewport or not _enabled_in(layer.layer_collection, obj):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} is disabled in viewports or not in the current view layer, so Blender does not pose it.",
            "Enable it and its collection in the outliner, and try again. Hiding it by the eye does no harm.",
        )


def _enabled_in(within: bpy.types.LayerCollection, obj: bpy.types.Object) -> bool:
    """Whether a collection of a view layer, or one in it, holds an object and is not disabled."""
    if within.exclude or within.collection.hide_viewport:
        return False
    held = obj in set(within.collection.objects)
    return held or any(_enabled_in(child, obj) for child in within.children)
