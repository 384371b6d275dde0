"""Shots and people against plain MediaPipe with the same options: `python tests/benchmarks/bench_people.py [...]`.

Speed: both read the same clips in turn, several rounds in one run; plain MediaPipe looks for as many people as the
stage found, in video mode, with masks. On a busy machine read the processor time. Accuracy (clips with a reference):
2D distance of shoulders, elbows, wrists, hips, knees and ankles from the reference, in body heights. Without
`--clips`, every clip of ../shared/realvideo.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.vision.core.image import Image, ImageFormat
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.models.pose_landmarker.location import find_model  # noqa: E402
from inference_backend.records.context import StageContext  # noqa: E402
from inference_backend.records.people import PersonTrack  # noqa: E402
from inference_backend.records.video import Video  # noqa: E402
from inference_backend.stages.frames.probe import probe  # noqa: E402
from inference_backend.stages.frames.read import read_frames  # noqa: E402
from inference_backend.stages.people.find_people import find_people  # noqa: E402
from inference_backend.stages.people.settings import PeopleSettings  # noqa: E402
from inference_backend.stages.shots.find_shots import find_shots  # noqa: E402
from inference_backend.stages.shots.settings import ShotSettings  # noqa: E402

CLIPS = ROOT.parent / "shared" / "realvideo"
JOINTS = {
    "l_shoulder": 11, "r_shoulder": 12, "l_elbow": 13, "r_elbow": 14, "l_wrist": 15, "r_wrist": 16,
    "l_hip": 23, "r_hip": 24, "l_knee": 25, "r_knee": 26, "l_ankle": 27, "r_ankle": 28,
}  # fmt: skip


def plain_mediapipe(video: Video, people: int) -> NDArray[np.float64]:
    """Landmarks of the first person `[T,33,2]` in pixels, NaN where nobody was found."""
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(find_model())),
        running_mode=vision.RunningMode.VIDEO,
        num_poses=people,
        output_segmentation_masks=True,
    )
    found = np.full((len(video), 33, 2), np.nan)
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        for frame, picture in read_frames(video):
            image = Image(image_format=ImageFormat.SRGB, data=picture)
            result = landmarker.detect_for_video(image, round(1000 * video.time_s[frame]))
            for pose in result.pose_landmarks[:1]:
                found[frame] = [(mark.x * video.size_wh[0], mark.y * video.size_wh[1]) for mark in pose]
    return found


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """A result, seconds and seconds of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def score(points: NDArray[np.float64], reference: dict[str, NDArray]) -> str:
    """How far landmarks `[T,33,2]` are from the reference, as one line."""
    names = reference["joint_names"].tolist()
    columns = [names.index(name) for name in JOINTS]
    every = np.where(reference["valid"][..., None], reference["joints_2d"], np.nan)
    height = np.nanmedian(np.nanmax(np.nanmax(every, 1) - np.nanmin(every, 1), 1))
    joints, valid, visible = (reference[key][:, columns] for key in ("joints_2d", "valid", "visible"))
    apart = 100 * np.linalg.norm(points[:, list(JOINTS.values())] - joints, axis=-1) / height
    seen = np.isfinite(points[:, 0, 0])
    parts = [f"found {100 * seen.mean():5.1f} %"]
    for name, chosen in (("visible", visible), ("hidden", ~visible)):
        values = apart[valid & chosen & seen[:, None]]
        middle, most = np.percentile(values, [50, 90]) if len(values) else (np.nan, np.nan)
        parts.append(f"{name} {middle:5.1f} / {most:5.1f}")
    torso = (points[:, [11, 12]].mean(1) - points[:, [23, 24]].mean(1))[seen]
    width, true_width = points[:, 11, 0] - points[:, 12, 0], joints[:, 0, 0] - joints[:, 1, 0]
    clear = seen & valid[:, :2].all(1) & (np.abs(true_width) > 0.05 * height)
    parts.append(f"upside down {100 * np.mean(torso[:, 1] > 0):4.1f} %")
    parts.append(f"shoulders exchanged {100 * np.mean(np.sign(width[clear]) != np.sign(true_width[clear])):5.1f} %")
    return "  ".join(parts)


def best_track(tracks: list[PersonTrack], video: Video, reference: dict[str, NDArray]) -> NDArray[np.float64]:
    """The track nearest to the reference `[T,33,2]`: the reference is of one of several people."""
    hips = [reference["joint_names"].tolist().index(name) for name in ("l_hip", "r_hip")]
    centre = reference["joints_2d"][:, hips].mean(1)
    every = []
    for track in tracks:
        points = np.full((len(video), 33, 2), np.nan)
        points[track.frames] = track.keypoints
        every.append(points)
    return min(every, key=lambda points: np.nanmedian(np.linalg.norm(points[:, [23, 24]].mean(1) - centre, axis=1)))


def main() -> None:
    """Compare both on each clip."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", nargs="*", type=Path)
    parser.add_argument("--people", type=int, default=0, help="as in the stage's settings")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    ctx = StageContext()
    for path in chosen.clips or sorted(CLIPS.glob("*.mp4")):
        video = probe(path)
        costs = []
        for _ in range(chosen.rounds):
            shots, shots_wall, shots_processor = timed(lambda clip=video: find_shots(clip, ShotSettings(), ctx))
            tracks, wall, processor = timed(
                lambda clip=video, parts=shots: find_people(clip, parts, PeopleSettings(people=chosen.people), ctx)
            )
            followed = max(sum(frame in track.frames for track in tracks) for frame in range(len(video)))
            points, plain_wall, plain_processor = timed(lambda clip=video, n=followed: plain_mediapipe(clip, n))
            costs.append([wall, processor, shots_wall, shots_processor, plain_wall, plain_processor])
        frames_s = len(video) / np.median(costs, axis=0)
        cost = frames_s[4:].repeat(2) / frames_s[[0, 2, 1, 3]]
        print(
            f"{path.stem}: {len(tracks)} people; frames/s: MediaPipe {frames_s[4]:.1f}, people {frames_s[0]:.1f}, "
            f"shots {frames_s[2]:.1f}; cost against MediaPipe: people {cost[0]:.2f}, shots {cost[1]:.2f}, of processor "
            f"time: people {cost[2]:.2f}, shots {cost[3]:.2f}",
            flush=True,
        )
        if path.with_suffix(".npz").is_file():
            reference = dict(np.load(path.with_suffix(".npz"), allow_pickle=False))
            print("   MediaPipe", score(points, reference))
            print("   stage    ", score(best_track(tracks, video, reference), reference), flush=True)


if __name__ == "__main__":
    main()
