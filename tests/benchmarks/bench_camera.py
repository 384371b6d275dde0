"""Moving cameras: what following the background costs, and how right it is: `python tests/benchmarks/bench_camera.py`.

Speed: processor time a frame of each part, beside that of finding people in the same pass, on `--clips` (default: the
sample). Accuracy: the sample stands still, so what a camera in its place sees that pans, tilts, zooms and shakes can be
made of its pictures, with exact truth; its focal length given, and not. `--recover` also recovers the still and the
panned clip (a minute each) and compares the paths; `--picture FILE` draws them.
"""

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from inference_backend.pipeline.cache import StageCache  # noqa: E402
from inference_backend.pipeline.progress import JobProgress  # noqa: E402
from inference_backend.pipeline.recover import Job, recover  # noqa: E402
from inference_backend.pipeline.settings import RecoverSettings  # noqa: E402
from inference_backend.protocol.result_format import Result, load_result  # noqa: E402
from inference_backend.records.context import StageContext  # noqa: E402
from inference_backend.records.video import Shots, Video  # noqa: E402
from inference_backend.stages.background.follower import BackgroundFollower  # noqa: E402
from inference_backend.stages.camera.settings import CameraSettings  # noqa: E402
from inference_backend.stages.camera.stage import estimate_camera  # noqa: E402
from inference_backend.stages.frames.probe import probe  # noqa: E402
from inference_backend.stages.frames.read import read_frames  # noqa: E402
from inference_backend.stages.people.find_people import find_people  # noqa: E402
from inference_backend.stages.people.settings import PeopleSettings  # noqa: E402
from tests.inference_backend.stages.turning_camera import errors, pinhole, shake, turns  # noqa: E402

SAMPLE = ROOT / "tests" / "sample" / "sample.mp4"
SIZE, FOCAL = (960, 540), 1250.0
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Take:
    """A camera in the sample's place: name, turns `[T,3,3]`, focal lengths `[T]` in pixels of a picture of `SIZE`."""

    name: str
    turn: Array
    focal: Array


def takes(count: int) -> list[Take]:
    """Five cameras."""
    seconds, still = np.arange(count) / 30, np.full(count, FOCAL)
    pan, tilt = (
        np.outer(np.sin(2 * np.pi * seconds / 7), [0, 8, 0]),
        np.outer(np.sin(2 * np.pi * seconds / 7), [5, 0, 0]),
    )
    return [
        Take("pan by 16 degrees", turns(pan), still),
        Take("tilt by 10 degrees", turns(tilt), still),
        Take("hand's shake, 0.8 degrees", turns(shake(count, 0.8)), still),
        Take("zoom by 1.3", turns(0 * pan), FOCAL * (1 + 0.3 * seconds / seconds[-1])),
        Take("pan, zoom and shake", turns(0.7 * pan + shake(count, 0.3)), FOCAL * (1 + 0.1 * np.sin(seconds))),
    ]


def filmed(video: Video, take: Take) -> list[NDArray[np.uint8]]:
    """What that camera sees."""
    with np.load(SAMPLE.with_name("reference.npz")) as reference:
        K = reference["K"]
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    return [
        cv2.warpPerspective(
            picture, np.linalg.inv(half) @ pinhole(f, SIZE) @ R.T @ np.linalg.inv(K) @ half, SIZE, flags=cv2.INTER_AREA
        )
        for (_, picture), R, f in zip(read_frames(video), take.turn, take.focal, strict=True)
    ]


def accuracy(video: Video) -> None:
    """A line for each camera."""
    count = len(video)
    shots = Shots(np.zeros(count, np.int64), np.zeros(count, bool))
    clip = Video(video.path, video.fps, SIZE, video.time_s, video.frame_index)
    for take in takes(count):
        follower = BackgroundFollower(clip, shots)
        for frame, picture in enumerate(filmed(video, take)):
            follower.see(frame, picture)
        background = follower.finish()
        true = take.turn[0].T @ take.turn
        for known in (True, False):
            settings = CameraSettings(focal_px=float(take.focal[0]) if known else None)
            camera = estimate_camera(clip, shots, [], settings, StageContext(), background)
            error, focal = errors(camera.turn, true), camera.K[:, 0, 0]
            change = focal / focal[0] / (take.focal / take.focal[0])
            print(
                f"{take.name}, focal length {'given' if known else 'not given'}: turn off by {error.mean():.3f} "
                f"degrees (most {error.max():.3f}), zoom by {100 * np.abs(change - 1).max():.2f} %, focal length by "
                f"{100 * (focal[0] / take.focal[0] - 1):+.1f} % ({camera.source[0]})",
                flush=True,
            )


def speed(path: Path) -> None:
    """Processor time a frame of each part."""
    video = probe(path)
    shots = Shots(np.zeros(len(video), np.int64), np.zeros(len(video), bool))
    follower, spent = BackgroundFollower(video, shots), 0.0

    def watch(frame: int, picture: NDArray[np.uint8]) -> None:
        nonlocal spent
        started = time.process_time()
        follower.see(frame, picture)
        spent += time.process_time() - started

    started = time.process_time()
    tracks = find_people(video, shots, PeopleSettings(), StageContext(), watch)
    people = time.process_time() - started - spent
    background = follower.finish()
    started = time.process_time()
    camera = estimate_camera(video, shots, tracks, CameraSettings(), StageContext(), background)
    solving = time.process_time() - started
    ms = 1000 / len(video)
    print(
        f"{path.stem}: {camera.motion[0]}, {len(np.unique(background.key_frame))} key frames; processor time a frame: "
        f"people {ms * people:.1f} ms, following {ms * spent:.2f} ms, matching and solving {ms * solving:.2f} ms",
        flush=True,
    )


def paths(video: Video, picture: Path | None) -> None:
    """The sample recovered before a still camera and before one that pans, and how far the two paths are apart."""
    pan = takes(len(video))[0]
    both = [Take("still", np.tile(pan.turn[:1], (len(video), 1, 1)), pan.focal), pan]
    results, frames = [], []
    with tempfile.TemporaryDirectory() as folder:
        for take in both:
            frames = filmed(video, take)
            clip = Path(folder) / f"{take.name}.mp4"
            with av.open(str(clip), "w") as container:
                stream = container.add_stream("libx264", rate=30, options={"crf": "16"})
                stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
                for frame in frames:
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
                container.mux(stream.encode())
            settings = RecoverSettings(camera=CameraSettings(focal_px=FOCAL))
            job = Job(clip, Path(folder) / take.name, settings, device="cpu")
            progress = JobProgress(take.name, lambda _message: None)
            cache = StageCache(Path(folder) / "cache")
            results.append(load_result(recover(job, cache, progress, threading.Event(), print).result))
    still, moving = (result.people[0] for result in results)
    valid = still.valid & moving.valid
    a, b = (person.motion.joints_world[valid][:, 0] for person in (still, moving))
    apart = np.linalg.norm(a - b, axis=1)
    print(
        f"paths of the still and the panning camera: {100 * apart.mean():.1f} cm apart, at most {100 * apart.max():.1f}"
    )
    if picture is not None:
        draw(picture, results[0], results[1], frames, pan)


def draw(file: Path, still: Result, moving: Result, frames: list[NDArray[np.uint8]], pan: Take) -> None:
    """Frames of the panned clip with the recovered joints, the camera's turn, and the paths from above."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt
    from scipy.spatial.transform import Rotation

    figure = plt.figure(figsize=(11, 5.6), layout="constrained")
    grid = figure.add_gridspec(2, 12, height_ratios=[1, 1.7])
    person = moving.people[0]
    shown = np.linspace(0, len(frames) - 1, 4).round().astype(int)
    for i, t in enumerate(shown):
        axes = figure.add_subplot(grid[0, 3 * i : 3 * i + 3])
        axes.imshow(frames[t])
        at = person.joints_camera[t] @ moving.K[t].T
        axes.plot(*(at[:, :2] / at[:, 2:]).T, ".", color="white", markersize=4)
        axes.set(xlim=(0, SIZE[0]), ylim=(SIZE[1], 0), title=f"{moving.time_s[t]:.1f} s")
        axes.axis("off")
    axes = figure.add_subplot(grid[1, :5])
    for turn, style, label in (
        (pan.turn[0].T @ pan.turn, "-", "true"),
        (moving.R_cam_to_world[0].T @ moving.R_cam_to_world, "--", "found"),
    ):
        axes.plot(moving.time_s, np.rad2deg(Rotation.from_matrix(turn).as_rotvec()[:, 1]), style, label=label)
    axes.set(xlabel="seconds", ylabel="pan, degrees")
    axes.legend()
    axes = figure.add_subplot(grid[1, 5:])
    for result, style, label in ((still, "-", "still camera"), (moving, "--", "panning camera")):
        path = result.people[0].motion.joints_world[result.people[0].valid][:, 0]
        axes.plot(path[:, 0], -path[:, 2], style, label=f"path, {label}")
    eye = moving.cam_pos_world[0]
    for t in shown:
        ahead = 1.2 * moving.R_cam_to_world[t][:, 2]
        axes.annotate(
            "",
            (eye[0] + ahead[0], -eye[2] - ahead[2]),
            (eye[0], -eye[2]),
            arrowprops={"arrowstyle": "->", "alpha": 0.5},
        )
    axes.plot(eye[0], -eye[2], "ks", label="camera, and where it looks")
    axes.set(xlabel="metres", ylabel="metres, from above", aspect="equal", xlim=(eye[0] - 3.2, eye[0] + 6.0))
    axes.legend(loc="right")
    figure.savefig(file, dpi=90)


def main() -> None:
    """Speed, accuracy, and paths."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", nargs="*", type=Path, default=[SAMPLE])
    parser.add_argument("--recover", action="store_true")
    parser.add_argument("--picture", type=Path)
    chosen = parser.parse_args()
    for path in chosen.clips:
        speed(path)
    video = probe(SAMPLE)
    accuracy(video)
    if chosen.recover or chosen.picture:
        paths(video, chosen.picture)


if __name__ == "__main__":
    main()
