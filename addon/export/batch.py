"""Several armatures and clips -> several files, each with a name of its own."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from .clips import Clip, all_clips, shown_clip
from .export import ExportOptions, export_file
from .file_names import file_stem, unique
from .preset import SEVERAL_CLIPS, ExportPreset

_PERSON = re.compile(r"(.+) (person \d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Batch:
    """What is to be exported.

    Attributes:
        armatures: whose motions.
        preset: what program it is for.
        options: what the person chose.
        folder: where the files go; made when absent.
        template: of the file names, see `file_names`.
        every_clip: also each strip of the NLA tracks; otherwise only the motion that is shown.
        one_file: all clips of an armature in one file, where the format can.
        scene_frames: the scene's frame range instead of each motion's own; only for the motion that is shown.
    """

    armatures: Sequence[bpy.types.Object]
    preset: ExportPreset
    options: ExportOptions
    folder: Path
    template: str
    every_clip: bool = False
    one_file: bool = False
    scene_frames: bool = False


@dataclass
class Outcome:
    """What came of a batch.

    Attributes:
        files: that were written.
        notes: what the program may stumble over.
        problems: why others were not written.
    """

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[RecoverError] = field(default_factory=list)


def run(batch: Batch, scene: bpy.types.Scene, outcome: Outcome) -> Iterator[float]:
    """Write the files one after the other; yields how far it is (0..1) after each.

    What one armature lacks does not keep the others from being written.

    Args:
        batch: what is to be exported.
        scene: where the armatures stand.
        outcome: what came of it is added to this.

    Raises:
        RecoverError: nothing can be written at all: the folder, the template or an empty batch.
    """
    if not batch.armatures:
        raise RecoverError(
            ErrorCode.BAD_SETTING, "There is no armature to export.", "Select one or more armatures, then export again."
        )
    _make_folder(batch.folder)
    file_stem(batch.template, dict.fromkeys(_values(batch, batch.armatures[0], "", scene, 1), ""))
    taken: set[str] = set()
    work: list[tuple[bpy.types.Object, list[Clip]]] = []
    for armature in batch.armatures:
        try:
            work += [(armature, clips) for clips in _files(batch, armature, scene)]
        except RecoverError as error:
            outcome.problems.append(error)
    for number, (armature, clips) in enumerate(work, start=1):
        label = clips[0].label if len(clips) == 1 else "all"
        stem = unique(file_stem(batch.template, _values(batch, armature, label, scene, number)), taken)
        path = batch.folder / f"{stem}.{batch.preset.file}"
        try:
            outcome.notes += [
                note
                for note in export_file(path, armature, scene, clips, batch.preset, batch.options)
                if note not in outcome.notes
            ]
            outcome.files.append(path)
        except RecoverError as error:
            outcome.problems.append(error)
        yield number / len(work)


def _files(batch: Batch, armature: bpy.types.Object, scene: bpy.types.Scene) -> list[list[Clip]]:
    """The clips of each file of an armature."""
    if batch.every_clip:
        clips = all_clips(armature)
        return [clips] if batch.one_file and batch.preset.file in SEVERAL_CLIPS else [[clip] for clip in clips]
    return [[shown_clip(armature, (scene.frame_start, scene.frame_end) if batch.scene_frames else None)]]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecoverError(
            ErrorCode.BAD_OUTPUT,
            f"The folder {folder} cannot be made ({error.strerror or error}).",
            "Choose a folder that you may write to.",
        ) from error


def _values(batch: Batch, armature: bpy.types.Object, clip: str, scene: bpy.types.Scene, number: int) -> dict[str, str]:
    """What the fields of a file name stand for."""
    match = _PERSON.fullmatch(armature.name)
    fps = batch.options.fps or scene.render.fps / scene.render.fps_base
    return {
        "take": match[1] if match else "",
        "person": match[2] if match else armature.name,
        "rig": armature.name,
        "clip": clip,
        "preset": batch.preset.name,
        "motion": batch.options.motion.value,
        "fps": f"{fps:.5g}".replace(".", "_"),
        "scene": scene.name,
        "date": time.strftime("%Y-%m-%d"),
        "time": time.strftime("%H%M%S"),
        "number": str(number),
    }
