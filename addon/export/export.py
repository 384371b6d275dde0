"""One armature, one or more clips -> one file."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..core.export.root_motion import RootMode, at_origin, placed, with_floor_root, with_hips_on_top
from ..core.export.skeleton import Skeleton, clashing_names
from .clips import Clip
from .file_names import safe_name, unique
from .formats import WRITERS
from .meshes import BODY_NAME, add_mesh, meshes_of
from .preset import MESH_ONLY, SEVERAL_CLIPS, SKELETON_ONLY, ExportPreset
from .sampling import Sampler
from .temporary_scene import ARMATURE_NAME, TemporaryScene, named

Array = NDArray[np.float64]

_TO_Y_UP: Final = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""Blender's axes (z up, facing -y) -> y up, facing z."""


@dataclass(frozen=True)
class ExportOptions:
    """What a person chooses beside the preset.

    Attributes:
        with_mesh: also the surface that the armature moves.
        motion: what the root bone carries.
        start_at_origin: the first frame stands at the origin and faces forward.
        fps: frames per second of the file; None for the scene's.
        all_bones: also bones that carry no skin.
    """

    with_mesh: bool = True
    motion: RootMode = RootMode.AS_ANIMATED
    start_at_origin: bool = False
    fps: float | None = None
    all_bones: bool = False

    @classmethod
    def of(cls, preset: ExportPreset) -> "ExportOptions":
        """What a preset starts with."""
        return cls(preset.with_mesh, preset.motion, preset.start_at_origin, preset.fps)


def export_file(
    path: Path,
    armature: bpy.types.Object,
    scene: bpy.types.Scene,
    clips: Sequence[Clip],
    preset: ExportPreset,
    options: ExportOptions,
) -> list[str]:
    """Write one file; an older one of that name is replaced only when that succeeded.

    Args:
        path: the file, with the preset's suffix; its folder exists.
        armature: the one to export.
        scene: where it stands, and whose frame rate its motion was made in.
        clips: the motions; of several, each becomes a motion of its own in the file.
        preset: what program it is for.
        options: what the person chose.

    Returns:
        Sentences about what the program may stumble over.

    Raises:
        RecoverError: `BAD_SETTING`, the armature cannot be exported as it stands; `MISSING_PART`, Blender's exporter
            is off; `BAD_OUTPUT`, the file cannot be written.
    """
    if len(clips) > 1 and preset.file not in SEVERAL_CLIPS:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"{preset.label} files hold one motion each, not {len(clips)}.",
            "Choose one file for each motion.",
        )
    scene_fps = scene.render.fps / scene.render.fps_base
    fps = options.fps or scene_fps
    sources = meshes_of(armature, scene) if options.with_mesh or preset.file in MESH_ONLY else []
    if preset.file in MESH_ONLY and not sources:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The armature {armature.name} moves no mesh, and {preset.label} files hold nothing else.",
            "Choose another export preset.",
        )
    with TemporaryScene() as temporary:
        temporary.set_rate(fps)
        sampler = Sampler(temporary.scene, armature, clips[0].first, all_bones=options.all_bones)
        times = [_times(clip, scene_fps, fps) for clip in clips]
        poses = [sampler.poses(clip, when, scene_fps) for clip, when in zip(clips, times, strict=True)]
        skeleton = sampler.skeleton
        if preset.root == "hips":
            skeleton, poses = with_hips_on_top(skeleton, poses)
        else:
            origin = getattr(armature, "recover_motion", None)
            own_axes = _TO_Y_UP.T if preset.up == "Y" else np.eye(3)
            skeleton, poses = with_floor_root(
                skeleton, poses, preset.root_name, own_axes, turn_root=origin is not None and origin.known
            )
        poses = [
            placed(skeleton, clip, when, options.motion, start_at_origin=options.start_at_origin)
            for clip, when in zip(poses, times, strict=True)
        ]
        axes = _TO_Y_UP if preset.up == "Y" and preset.file in ("fbx", "bvh") else np.eye(3)
        scale = 1.0 / preset.unit_m
        skeleton = skeleton.turned(axes, scale)
        if preset.file in SKELETON_ONLY:
            skeleton = at_origin(skeleton)
        poses = [_in_file_space(clip, axes, scale) for clip in poses]
        temporary.add_armature(skeleton)
        taken: set[str] = set()
        names = [path.stem] if len(clips) == 1 else [unique(safe_name(clip.label), taken) for clip in clips]
        temporary.play(
            [
                (name, temporary.add_motion(name, skeleton, clip, preset.unit_m), len(clip))
                for name, clip in zip(names, poses, strict=True)
            ]
        )
        turn, size = axes @ sampler.turn, sampler.scale * scale
        copies = [add_mesh(temporary, mesh, armature, skeleton, turn, size, preset.max_influences) for mesh in sources]
        with named(
            {temporary.armature: ARMATURE_NAME} | dict(zip(copies, _mesh_names(sources, skeleton), strict=True))
        ):
            _write(path, temporary, preset)
    return _notes(skeleton, preset, options.with_mesh and not sources, armature)


def _times(clip: Clip, scene_fps: float, fps: float) -> Array:
    """Times `[T]` in seconds at which a clip is sampled: on the file's frames, up to its end."""
    seconds = (clip.last - clip.first) / scene_fps
    return np.arange(int(np.floor(seconds * fps + 1e-6)) + 1) / fps


def _in_file_space(poses: Array, axes: Array, scale: float) -> Array:
    poses = poses.copy()
    poses[..., :3, :3] = axes @ poses[..., :3, :3]
    poses[..., :3, 3] = scale * poses[..., :3, 3] @ axes.T
    return poses


def _mesh_names(sources: Sequence[bpy.types.Object], skeleton: Skeleton) -> list[str]:
    """Names of the copies, none of which a bone or the armature has."""
    names = [BODY_NAME] if len(sources) == 1 else [mesh.name for mesh in sources]
    taken = {*skeleton.names, ARMATURE_NAME}
    return [f"{name}_mesh" if name in taken else name for name in names]


def _write(path: Path, temporary: TemporaryScene, preset: ExportPreset) -> None:
    """Write into a folder beside the target, then put the file into its place."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=".export-", dir=path.parent))
    except OSError as error:
        raise _no_folder(path, error) from error
    try:
        written = folder / path.name
        WRITERS[preset.file](written, temporary, preset)
        written.replace(path)
    except OSError as error:
        raise _no_folder(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _no_folder(path: Path, error: OSError) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_OUTPUT,
        f"The file {path} could not be written ({error.strerror or error}).",
        "Choose a folder that exists and that you may write to.",
    )


def _notes(skeleton: Skeleton, preset: ExportPreset, no_mesh: bool, armature: bpy.types.Object) -> list[str]:
    notes = []
    missing = [name for name in preset.needed_bones if name not in skeleton.names]
    if missing:
        shown = ", ".join(missing[:4]) + (" ..." if len(missing) > 4 else "")
        notes.append(f"{armature.name} lacks bones that {preset.label} looks for ({shown}). {preset.needed_remedy}")
    clashes = clashing_names(skeleton.names)
    if clashes:
        notes.append(
            f"Some programs take these bones of {armature.name} for one, as their names differ only in case or dots: "
            f"{', '.join(clashes[:4])}."
        )
    if no_mesh:
        notes.append(f"{armature.name} moves no mesh, so its file holds bones and motion only.")
    return notes
