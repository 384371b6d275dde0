"""Clean-up works on a floor at 0, whatever a person stands on; the result has them where they are."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from inference_backend.pipeline.cache import StageCache
from inference_backend.pipeline.progress import JobProgress
from inference_backend.pipeline.recover import Job, recover
from inference_backend.protocol.result_format import load_result

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))
from synthetic_stages import PEOPLE, SyntheticStages

STEP = 0.35


class OnAStep(SyntheticStages):
    """The second person stands on a step."""

    def place_in_world(self, *arguments):
        world, placed = super().place_in_world(*arguments)
        return world, [placed[0], placed[1].standing_at(STEP)]

    def find_contacts(self, video, motion, *more):
        self.seen = [*getattr(self, "seen", []), motion]
        return super().find_contacts(video, motion, *more)

    def lock_feet(self, video, motion, *more):
        locked = super().lock_feet(video, motion, *more)
        return replace(locked, transl=locked.transl + np.array([0.01, 0.0, 0.0]))


def test_a_step_is_a_floor_like_any_other(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"anything: the stages are synthetic")

    def run(stages):
        job = Job(tmp_path / "clip.mp4", tmp_path / "out")
        cache = StageCache(tmp_path / type(stages).__name__)
        done = recover(job, cache, JobProgress("job", lambda _: None), threading.Event(), lambda _: None, stages)
        return load_result(done.result), Path(done.result)

    plain, _ = run(SyntheticStages(tmp_path))
    stages = OnAStep(tmp_path)
    result, path = run(stages)
    assert [motion.floor_y for motion in stages.seen] == [0, 0]
    for person, own, height in zip(result.people, plain.people, (0.0, STEP), strict=True):
        valid = own.valid
        np.testing.assert_allclose((person.raw.transl - own.raw.transl)[valid][:, 1], height, atol=1e-5)
        shift = (person.motion.transl - own.motion.transl)[valid]
        np.testing.assert_allclose(shift, np.tile([0.01, height, 0], (valid.sum(), 1)), atol=1e-5)
    with np.load(path, allow_pickle=False) as file:
        assert float(file[f"p{PEOPLE[1]}_floor_y"]) == STEP
        assert f"p{PEOPLE[0]}_floor_y" not in file.files
