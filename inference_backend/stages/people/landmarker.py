"""MediaPipe's pose landmarker behind two small classes: one looks at single pictures, one follows one person.

Followed one at a time, a person's landmarks are smooth: asked for several people, MediaPipe runs its detector on each
picture in which fewer are found, and starts everybody from there again.
"""

import os
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ...models.pose_landmarker.location import find_model
from ...models.pose_landmarker.system_libraries import loading_failed
from .pose import Pose
from .view import View

# MediaPipe and TensorFlow Lite announce themselves on stderr otherwise. Read when the library is loaded.
os.environ.setdefault("GLOG_minloglevel", "2")

from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.vision.core.image import Image, ImageFormat

# Below this MediaPipe gives a person up and trusts its detector, which an occluder turns upside down. We hold on to the
# region and judge the pose ourselves.
_HOLD_ON: Final = 0.1
_RunningMode = vision.RunningMode


class _Landmarker:
    def __init__(self, mode: _RunningMode, *, people: int, masks: bool, presence: float) -> None:
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(find_model())),
            running_mode=mode,
            num_poses=people,
            min_pose_presence_confidence=presence,
            min_tracking_confidence=presence,
            output_segmentation_masks=masks,
        )
        try:
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except OSError as error:  # MediaPipe loads its library now, not when it is imported
            raise loading_failed(error) from error

    def close(self) -> None:
        """Frees the networks."""
        self._landmarker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PictureLandmarker(_Landmarker):
    """Finds the people in a picture, without memory."""

    def __init__(self, people: int) -> None:
        super().__init__(_RunningMode.IMAGE, people=people, masks=False, presence=0.5)

    def find(self, picture: NDArray[np.uint8], view: View) -> list[Pose]:
        """The people in a view of an RGB picture `[H,W,3]`."""
        return _poses(self._landmarker.detect(_image(view.cut(picture))), view)


class PersonLandmarker(_Landmarker):
    """Follows one person from picture to picture.

    Args:
        hold_on: keep following through weak pictures, for the caller to judge them.
    """

    def __init__(self, *, hold_on: bool = True) -> None:
        super().__init__(_RunningMode.VIDEO, people=1, masks=True, presence=_HOLD_ON if hold_on else 0.5)
        self._stamp_ms = -1

    def follow(
        self,
        picture: NDArray[np.uint8],
        view: View,
        time_s: float,
        keep: NDArray[np.float32] | None = None,
        others: Sequence[Pose] = (),
    ) -> Pose | None:
        """The person in the next picture, or None.

        Args:
            picture: RGB `[H,W,3]`.
            view: where to look; must be the one of the last call unless `forget` was called in between.
            time_s: time of the picture; times that do not rise count as a millisecond later.
            keep: box outside which nobody may be found, needed on the first picture only.
            others: people of this picture who are not meant; they are blacked out when there is a `keep`.
        """
        part = view.cut(picture, keep)
        if keep is not None:
            _erase(part, view, others)
        poses = _poses(self._run(part, time_s), view)
        return poses[0] if poses else None

    def forget(self) -> None:
        """Lets go of the person, so that the next picture is searched afresh."""
        self._run(np.zeros((64, 64, 3), np.uint8), 0.0)

    def _run(self, picture: NDArray[np.uint8], time_s: float) -> vision.PoseLandmarkerResult:
        self._stamp_ms = max(self._stamp_ms + 1, round(time_s * 1000))
        return self._landmarker.detect_for_video(_image(picture), self._stamp_ms)


def _erase(part: NDArray[np.uint8], view: View, people: Sequence[Pose]) -> None:
    height, width = part.shape[:2]
    for person in people:
        if person.silhouette is not None:
            part[person.view.paste(person.silhouette, view, (width, height)) > 0.3] = 0


def _image(picture: NDArray[np.uint8]) -> Image:
    return Image(image_format=ImageFormat.SRGB, data=picture)


def _poses(result: vision.PoseLandmarkerResult, view: View) -> list[Pose]:
    masks = result.segmentation_masks or [None] * len(result.pose_landmarks)
    poses = []
    for flat, solid, mask in zip(result.pose_landmarks, result.pose_world_landmarks, masks, strict=True):
        table = np.array([(mark.x, mark.y, mark.visibility) for mark in flat], np.float32)
        world = np.array([(mark.x, mark.y, mark.z) for mark in solid], np.float32)
        silhouette = None if mask is None else mask.numpy_view().reshape(mask.height, mask.width)
        poses.append(Pose(view.to_picture(table[:, :2]), table[:, 2], view.to_picture_axes(world), view, silhouette))
    return poses
