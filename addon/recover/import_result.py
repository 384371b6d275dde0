"""Import a result that is there already: from another file, from the command line, or after building it failed."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import bpy
import numpy as np
from bpy_extras.io_utils import ImportHelper

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.result_format import BODY_NAME, RESULT_NAME, Result, load_result
from ..result.body_file import read_body
from ..result.camera import Footage
from .build import build_folder, footage
from .ops import result_folder
from .plan import Plan, check_scene
from .request_file import Request
from .timeline import Timeline


class RecoverMotionImportResult(bpy.types.Operator, ImportHelper):
    """Build a recovered result in this scene, from the current frame on and at the pace of the recording"""

    bl_idname = "recover_motion.import_result"
    bl_label = "Import Result"
    bl_options: Final = {"REGISTER"}

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default=RESULT_NAME, options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Build it; a long result of several people takes some seconds."""
        try:
            for _ in import_result(Path(bpy.path.abspath(self.filepath)), context.scene):
                pass
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def import_result(path: Path, scene: bpy.types.Scene) -> Iterator[float]:
    """Copy a result into the data folder, where cleaning may write beside it, and build it; yields how far it is.

    Args:
        path: a `result.npz`, with its `body.npz` beside it.
        scene: where to build; its current frame shows the first frame of the clip.

    Raises:
        RecoverError: a file of the result cannot be read or copied, or the scene is linked.
    """
    check_scene(scene)
    result = load_result(path)
    request = Request.load(path.parent)
    clip = Path(request.video).stem or path.parent.name or "clip"
    read_body(path.parent / BODY_NAME)  # before anything is written
    folder = _new_folder(clip)
    try:
        folder.mkdir(parents=True)
        for name, source in ((RESULT_NAME, path), (BODY_NAME, path.parent / BODY_NAME)):
            shutil.copyfile(source, folder / name)
        request.save(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The result {path} could not be copied: {error}.",
            f"See to it that the disk is not full and that you may write into {folder.parent}.",
        ) from error
    position_only = scene.recover_motion.root == "POSITION"
    plan = Plan(scene.session_uid, clip, _footage(request), _timeline(result, scene), request, position_only)
    return build_folder(plan, folder, f"imported from {path.parent}")


def _new_folder(clip: str) -> Path:
    """One that is not there yet, also for several imports within a second."""
    now, number = time.strftime("%Y-%m-%d %H.%M.%S"), 1
    while (folder := result_folder(f"{now} import {number}", clip)).exists():
        number += 1
    return folder


def _timeline(result: Result, scene: bpy.types.Scene) -> Timeline:
    scene_fps = scene.render.fps / scene.render.fps_base
    first = np.rint(result.time_s[:1] * result.fps).astype(np.int64)
    return Timeline(scene.frame_current, first, result.fps, scene_fps, real_time=True)


def _footage(request: Request) -> Footage | None:
    path = Path(request.video)
    if not request.video or not path.is_file():
        return None
    return footage(path, images="image_fps" in request.settings.get("frames", {}))


def _draw_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator(RecoverMotionImportResult.bl_idname, text=f"Recovered Motion ({RESULT_NAME})")


CLASSES: Final = (RecoverMotionImportResult,)


def register() -> None:
    """Add the menu entry."""
    bpy.types.TOPBAR_MT_file_import.append(_draw_menu)


def unregister() -> None:
    """Take it out."""
    bpy.types.TOPBAR_MT_file_import.remove(_draw_menu)
