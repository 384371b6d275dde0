"""A linked rig cannot be animated: a library override of its character takes its place in the scene."""

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError


def local_override(obj: bpy.types.Object, scene: bpy.types.Scene, layer: bpy.types.ViewLayer) -> bpy.types.Object:
    """The override of a linked armature object, made together with what belongs to it, as Blender's own command does.

    Args:
        obj: linked, by itself or in a linked collection.
        scene: that shows it.
        layer: of the scene.

    Returns:
        The armature of this file that now stands where the linked one stood.

    Raises:
        RecoverError: `BAD_INPUT`, Blender makes no override of it here.
    """
    parents = [c for c in (scene.collection, *scene.collection.children_recursive) if c.library is None]
    held = [(p, child) for p in parents for child in p.children if child.library and obj in set(child.all_objects)]
    if held:  # the whole character, or its meshes would go on following the linked armature
        made = held[0][1].override_hierarchy_create(scene, layer, do_fully_editable=True)
    elif any(obj in set(p.objects) for p in parents):
        made = obj.override_hierarchy_create(scene, layer, do_fully_editable=True)
    else:
        made = None
    copies = {o.override_library.reference: o for o in scene.objects if o.override_library} if made else {}
    if obj not in copies:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"{obj.name!r} is linked from another file, where it cannot be animated, and Blender makes no library "
            "override of it here.",
            "Make one first (Object > Library Override > Make), and choose its armature.",
        )
    for parent in parents:
        for old in [child for p, child in held if p == parent and child == held[0][1]]:
            parent.children.unlink(old)
        for old in [o for o in parent.objects if o in copies]:
            parent.objects.unlink(old)
    layer.update()
    return copies[obj]
