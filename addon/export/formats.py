"""One function for each kind of file: Blender's own exporter, told what the temporary scene already took care of."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from .glb_times import set_duration
from .preset import ExportPreset
from .temporary_scene import TemporaryScene

_FBX: Final = {
    "use_selection": False,
    "object_types": {"ARMATURE", "MESH"},
    "add_leaf_bones": False,
    "use_armature_deform_only": False,
    "armature_nodetype": "NULL",
    "mesh_smooth_type": "FACE",
    "apply_scale_options": "FBX_SCALE_UNITS",
    # the temporary scene is in the file's axes already, so that no node has to be turned
    "use_space_transform": False,
    "primary_bone_axis": "Y",
    "secondary_bone_axis": "X",
    "bake_anim": True,
    "bake_anim_use_all_bones": True,
    "bake_anim_use_nla_strips": True,
    "bake_anim_use_all_actions": False,
    "bake_anim_force_startend_keying": True,
    "bake_anim_step": 1.0,
    "bake_anim_simplify_factor": 0.0,
    "path_mode": "STRIP",
}
_GLB: Final = {
    "export_format": "GLB",
    "use_active_scene": True,
    "use_selection": False,
    "export_yup": True,
    "export_skins": True,
    "export_morph": False,
    "export_def_bones": False,
    "export_leaf_bone": False,
    "export_animations": True,
    "export_animation_mode": "NLA_TRACKS",
    "export_force_sampling": True,
    "export_frame_range": False,
    "export_anim_single_armature": False,
    "export_optimize_animation_size": False,
    "export_current_frame": False,
    "export_reset_pose_bones": True,
}
_USD: Final = {
    "selected_objects_only": False,
    "export_animation": True,
    "export_armatures": True,
    "only_deform_bones": False,
    "export_shapekeys": False,
    "export_lights": False,
    "export_cameras": False,
    "convert_world_material": False,
    "export_materials": True,
    "export_textures": False,  # up to 4.5
    "export_textures_mode": "KEEP",  # from 4.4 on
    "evaluation_mode": "RENDER",
}


def write_fbx(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """An FBX file: no node is turned or scaled, the unit is stated."""
    _rest_surfaces(temporary)
    temporary.scene.unit_settings.system = "METRIC"
    temporary.scene.unit_settings.scale_length = preset.declared_m
    up = {"axis_up": "Z", "axis_forward": "Y"} if preset.up == "Z" else {"axis_up": "Y", "axis_forward": "-Z"}
    _call("export_scene.fbx", path, temporary, _FBX | up, preset)


def write_glb(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """A binary glTF file; the exporter itself turns Blender's axes into glTF's."""
    _rest_surfaces(temporary)
    _call("export_scene.gltf", path, temporary, _GLB, preset)
    render = temporary.scene.render
    set_duration(path, temporary.scene.frame_end * render.fps_base / render.fps)


def _rest_surfaces(temporary: TemporaryScene) -> None:
    """Do not deform the surfaces on every frame that an exporter looks at when it only asks for bones there."""
    for obj in temporary.scene.objects:
        for modifier in obj.modifiers:
            modifier.show_viewport = False


def write_bvh(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """A BVH file: the first joint has six channels, the others three."""
    options = {
        "frame_start": temporary.scene.frame_start,
        "frame_end": temporary.scene.frame_end,
        "rotate_mode": "ZXY",
        "root_transform_only": True,
    }
    _call("export_anim.bvh", path, temporary, options, preset)


def write_usd(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """A USD file with a skeleton, its motion and the skinned mesh."""
    temporary.scene.unit_settings.scale_length = preset.declared_m
    _call("wm.usd_export", path, temporary, _USD, preset)


def write_abc(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """An Alembic cache of the moving surface."""
    options = {
        "start": temporary.scene.frame_start,
        "end": temporary.scene.frame_end,
        "selected": False,
        "as_background_job": False,
        "evaluation_mode": "RENDER",
    }
    _call("wm.alembic_export", path, temporary, options, preset)


WRITERS: Final[dict[str, Callable[[Path, TemporaryScene, ExportPreset], None]]] = {
    "fbx": write_fbx,
    "glb": write_glb,
    "bvh": write_bvh,
    "usd": write_usd,
    "abc": write_abc,
}


def _call(name: str, path: Path, temporary: TemporaryScene, options: dict[str, Any], preset: ExportPreset) -> None:
    """Run an exporter on the temporary scene.

    Args:
        name: of the operator.
        path: the file.
        temporary: what is written.
        options: ours; those that this version of Blender does not know are left out.
        preset: has further ones, which it must know.

    Raises:
        RecoverError: `MISSING_PART`, the exporter is switched off; `BAD_SETTING`, the preset asks it for what it
            does not know; `BAD_OUTPUT`, it could not write.
    """
    group, _, function = name.partition(".")
    if function not in dir(getattr(bpy.ops, group)):
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"Blender's exporter for {path.suffix} files is switched off, or this Blender has none.",
            "Enable it among the add-ons in Blender's preferences.",
        )
    operator = getattr(getattr(bpy.ops, group), function)
    known = operator.get_rna_type().properties.keys()
    options = {key: value for key, value in options.items() if key in known} | preset.exporter
    try:
        with bpy.context.temp_override(**temporary.context):
            result = operator(filepath=str(path), **options)
    except TypeError as error:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"Blender's exporter for {path.suffix} files does not know what the export preset asks for ({error}).",
            "Correct 'exporter' in the preset.",
        ) from error
    except (RuntimeError, OSError) as error:
        raise _unwritable(path, error) from error
    if result != {"FINISHED"} or not path.is_file() or not path.stat().st_size:
        raise _unwritable(path, "the exporter gave up")


def _unwritable(path: Path, why: object) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_OUTPUT,
        f"The file {path.name} could not be written ({why}).",
        "See to it that the folder can be written to and that the disk is not full.",
    )
