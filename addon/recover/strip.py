"""A strip of the Video Sequencer -> what to recover, and which file frame it shows when."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..compat import Strip, strip_place
from ..core.strip_timing import StripTiming, shown_frames
from .retiming import LAST_KEY_BEFORE_END, retiming_keys


@dataclass(frozen=True)
class Source:
    """What a strip plays.

    Attributes:
        name: the strip's name.
        path: the movie, or the first image of a sequence.
        images: the files of an image sequence in the order of the file frames; empty for a movie.
        fps: file frames a second.
        size_wh: width and height in pixels.
        stream: index of the video stream.
        first_scene_frame: scene frame of `shown[0]`.
        shown: int64 `[S]`, the file frame shown at each scene frame.
    """

    name: str
    path: Path
    images: tuple[Path, ...]
    fps: float
    size_wh: tuple[int, int]
    stream: int
    first_scene_frame: int
    shown: NDArray[np.int64]

    @property
    def range_s(self) -> tuple[float, float]:
        """Start and end in seconds, end exclusive, of the part of the file that the strip shows."""
        return max((int(self.shown.min()) - 0.5) / self.fps, 0.0), (int(self.shown.max()) + 0.5) / self.fps


def chosen_strip(context: bpy.types.Context) -> Strip | None:
    """The active strip, when it is selected, else the only selected one; None when there is neither."""
    scene = getattr(context, "sequencer_scene", None) or context.scene
    editor = scene.sequence_editor if scene else None
    if editor is None:
        return None
    active = editor.active_strip
    if active is not None and active.select:
        return active
    strips = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    selected = [strip for strip in strips if strip.select]
    return selected[0] if len(selected) == 1 else active


def strip_problem(strip: Strip | None) -> str:
    """A sentence saying why this strip cannot be recovered from; empty when it can."""
    if strip is None:
        return "Select a movie or image strip in the Video Sequencer."
    if strip.type == "META":
        return f"{strip.name!r} is a meta strip: open it with Tab and select the movie strip inside."
    if strip.type == "SCENE":
        return f"{strip.name!r} is a scene strip: render it to a video and use that."
    if strip.type == "SOUND":
        return f"{strip.name!r} is a sound strip: select the movie strip beside it."
    if strip.type == "MOVIECLIP":
        return f"{strip.name!r} is a movie clip strip: add its file as a movie strip."
    if strip.type not in {"MOVIE", "IMAGE"}:
        return f"{strip.name!r} shows no file of its own: select a movie or image strip."
    if strip.type == "IMAGE" and len(strip.elements) < 2:
        return f"{strip.name!r} is a single image: motion needs a movie or a sequence of images."
    return ""


def read_strip(strip: Strip | None, scene: bpy.types.Scene) -> Source:
    """Everything that the recovery needs to know of a strip.

    Args:
        strip: a movie or image strip of `scene`.
        scene: the scene whose sequencer holds it.

    Raises:
        RecoverError: `BAD_INPUT`, the strip is of another type, its file is gone or no movie, or its retiming cannot be
            followed.
    """
    if problem := strip_problem(strip):
        raise RecoverError(ErrorCode.BAD_INPUT, problem, "Then click Recover Motion again.")
    scene_fps = scene.render.fps / scene.render.fps_base
    if strip.type == "IMAGE":
        images = _images(strip)
        timing = _timing(strip, len(images), 1.0, 0)
        return Source(strip.name, images[0], images, scene_fps, _size(strip), 0, timing.first, shown_frames(timing))
    path = Path(bpy.path.abspath(strip.filepath))
    if not path.is_file():
        raise _gone(strip, path)
    frames = _movie_length(path)
    if frames == 0 or strip.fps <= 0:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The file of the strip {strip.name!r} cannot be read as a movie: {path}.",
            "Put one there that Blender plays and reload the strip, or choose another file in the strip's properties.",
        )
    place = strip_place(strip)
    offset = place.cut_start
    length = frames - offset - place.cut_end
    timing = _timing(strip, length, _rate(strip, length, scene_fps), offset)
    shown = shown_frames(timing)
    return Source(strip.name, path, (), strip.fps, _size(strip), strip.stream_index, timing.first, shown)


def _size(strip: Strip) -> tuple[int, int]:
    return strip.elements[0].orig_width, strip.elements[0].orig_height


def _timing(strip: Strip, length: int, rate: float, offset: int) -> StripTiming:
    place = strip_place(strip)
    return StripTiming(
        first=place.first,
        stop=place.stop,
        content_start=place.content_start,
        content_end=place.content_start + place.content_frames,
        length=length,
        offset=offset,
        rate=rate,
        reverse=bool(strip.use_reverse_frames),
        retiming=retiming_keys(strip) * (1.0, length - LAST_KEY_BEFORE_END),
        strobe=float(strip.strobe),
    )


def _rate(strip: Strip, length: int, scene_fps: float) -> float:
    """File frames a scene frame. Python does not tell, but the strip's length on the timeline does."""
    span = retiming_keys(strip)[-1, 0] + LAST_KEY_BEFORE_END if len(strip.retiming_keys) >= 2 else length
    own_pace = strip.fps / scene_fps if strip.fps > 0 else 1.0
    frames = strip_place(strip).content_frames
    return min((1.0, own_pace), key=lambda rate: abs(span / rate - frames))


def _movie_length(path: Path) -> int:
    """Number of frames of a movie as Blender counts them; 0 for one that Blender cannot read."""
    try:
        clip = bpy.data.movieclips.load(str(path))
    except RuntimeError:
        return 0
    try:
        return clip.frame_duration if min(clip.size) > 0 else 0
    finally:
        bpy.data.movieclips.remove(clip)


def _images(strip: Strip) -> tuple[Path, ...]:
    folder = Path(bpy.path.abspath(strip.directory))
    names = [element.filename for element in strip.elements]
    place = strip_place(strip)
    images = tuple(folder / name for name in names[place.cut_start : len(names) - place.cut_end])
    for image in images:
        if not image.is_file():
            raise _gone(strip, image)
    numbers = [re.findall(r"\d+", image.stem)[-1:] for image in images]
    if any(int(b[0]) - int(a[0]) != 1 for a, b in pairwise(numbers) if a and b) or not all(numbers):
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The images of the strip {strip.name!r} are not numbered one after the other.",
            "Rename them so that each number is one more than the last, or render the strip to a video and use that.",
        )
    return images


def _gone(strip: Strip, path: Path) -> RecoverError:
    return RecoverError(
        ErrorCode.BAD_INPUT,
        f"The file of the strip {strip.name!r} is gone: {path}.",
        "Put it back, or choose the file again in the strip's properties.",
    )
