"""Stages that compute nothing real, quickly, in place of the product's: to see what the pipeline around them does.

Run as a program this is the backend's command line with these stages. A folder given by RECOVER_MOTION_TEST steers it:
each stage appends its name to `journal` when it begins and `NAME done` when it ends; a stage whose name is the content
of the file `hold` goes on for ever, reporting progress; one named in `stuck` makes the file `is stuck` and goes on
without reporting any; one named in `fail` raises what `fail` says after its name.
"""

# ruff: noqa: ARG002

import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from inference_backend.pipeline.stages import Stages
from inference_backend.records.background import Background
from inference_backend.records.camera import Camera, WorldFrame
from inference_backend.records.motion import Contacts, PhysicsReport, PoseEstimate, TrajectoryReport, WorldMotion
from inference_backend.records.people import PersonTrack
from inference_backend.records.video import Shots, Video

T, PEOPLE = 24, (0, 2)


class SyntheticStages(Stages):
    """Two people who stand still."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def said(self, name):
        path = self.folder / name
        return path.read_text().split(" ", 1) if path.exists() else [""]

    def act(self, stage, ctx):
        with (self.folder / "journal").open("a") as journal:
            journal.write(f"{stage}\n")
        print(f"a library prints in the stage {stage}")
        os.write(1, b"so does a C library\n")
        for i in range(4):
            ctx.progress(i / 4, i * T // 4)
        if stage == "shots":
            ctx.note("The shots are synthetic.")
        while self.said("hold")[0] == stage:
            time.sleep(0.02)
            ctx.progress(0.5, 1)
        while self.said("stuck")[0] == stage:
            (self.folder / "is stuck").touch()
            time.sleep(0.02)
        kind, *what = self.said("fail")
        if kind == stage:
            raise {"ValueError": ValueError, "MemoryError": MemoryError, "OSError": OSError}[what[0]]("on purpose")
        if kind == f"{stage}@full" and ctx.batch_scale == 1.0:
            raise RuntimeError("CUDA out of memory. Tried to allocate 1 GiB")
        with (self.folder / "journal").open("a") as journal:
            journal.write(f"{stage} done\n")

    def probe(self, path, settings, ctx):
        self.act("frames", ctx)
        return Video(path, 25.0, (640, 480), np.arange(T) / 25.0, np.arange(T))

    def find_shots(self, video, settings, ctx):
        self.act("shots", ctx)
        return Shots(np.zeros(T, np.int64), np.zeros(T, bool))

    def people_weights(self):
        return "none"

    def find_people(self, video, shots, settings, ctx, watch=None):
        self.act("people", ctx)
        return [self.track(person) for person in PEOPLE]

    def follow_background(self, video, shots, settings, ctx, watched=None):
        self.act("background", ctx)
        nothing = np.zeros(0, np.int64)
        nowhere = np.zeros((0, 2), np.float32)
        return Background(nothing, nowhere, nothing, nothing, np.zeros(1, np.int64), nothing, nowhere, 1.0)

    def track(self, person):
        frames = np.arange(person, T)
        return PersonTrack(
            person_id=person,
            shot=0,
            frames=frames,
            seen=np.ones(len(frames), bool),
            box=np.tile(np.array([10, 10, 60, 200], np.float32), (len(frames), 1)),
            keypoints=np.zeros((len(frames), 33, 2), np.float32),
            visibility=np.ones((len(frames), 33), np.float32),
            keypoints_world=np.zeros((len(frames), 33, 3), np.float32),
            mask=np.zeros((len(frames), 64, 6), np.uint8),
        )

    def estimate_camera(self, video, shots, tracks, settings, ctx, background=None):
        self.act("camera", ctx)
        K = np.tile(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), (T, 1, 1))
        return Camera(K, np.zeros(5), ("fallback",))

    def estimate(self, estimator, video, track, camera, body, settings, ctx):
        self.act("estimate", ctx)
        N = len(track)
        return PoseEstimate(
            person_id=track.person_id,
            shot=0,
            frames=track.frames,
            estimator="kinematic",
            valid=np.arange(N) != 5,
            betas=np.zeros(10),
            global_orient=np.tile(np.diag([1.0, -1.0, -1.0]), (N, 1, 1)),
            body_pose=np.tile(np.eye(3), (N, 21, 1, 1)),
            transl=np.tile([track.person_id, 0.5, 4.0], (N, 1)),
            confidence=np.ones((N, 22), np.float32),
            depth_sigma=np.ones(N, np.float32),
            reproj_err=np.zeros(N, np.float32),
        )

    def place_in_world(self, video, shots, camera, motions, body, settings, ctx):
        self.act("world", ctx)
        flip = np.diag([1.0, -1.0, -1.0])
        placed = [
            WorldMotion(
                m.person_id,
                m.shot,
                m.frames,
                m.valid,
                m.betas,
                flip @ m.global_orient,
                m.body_pose,
                m.transl @ flip,
                m.confidence,
            )
            for m in motions
        ]
        return WorldFrame(np.tile(flip, (T, 1, 1)), np.zeros((T, 3)), (True,), ("feet",)), placed

    def regenerate_paths(self, video, world, estimates, motions, body, settings, ctx, carried=None):
        self.act("trajectory", ctx)
        none = [np.zeros(len(m.frames), bool) for m in motions]
        reports = [
            TrajectoryReport(m.person_id, "none", no, no.astype(np.float32), 0, 0, 0.0, 1.0)
            for m, no in zip(motions, none, strict=True)
        ]
        return motions, reports, world

    def find_contacts(self, video, motion, body, settings, ctx):
        self.act("contacts", ctx)
        return Contacts(motion.person_id, np.ones((len(motion.frames), 4), bool))

    def lock_feet(self, video, motion, contacts, body, settings, ctx):
        self.act("foot_lock", ctx)
        return motion

    def apply_physics(self, video, motion, contacts, floor_found, body, settings, lock, ctx):
        self.act("physics", ctx)
        none = np.zeros(len(motion.frames), bool)
        return motion, PhysicsReport(motion.person_id, none, (), (), 0, (0.0, 0.0), (0.0, 0.0), 0.0, 0.0, 0.0)


def main():
    stages = SyntheticStages(os.environ["RECOVER_MOTION_TEST"])
    if sys.argv[1] == "serve":
        from inference_backend.service.serve import serve

        serve(Path(sys.argv[2]), None, stages)
    from inference_backend.cli.arguments import build_parser
    from inference_backend.cli.recover import run

    sys.exit(run(build_parser().parse_args(sys.argv[1:]), stages))


if __name__ == "__main__":
    main()
