"""What a changed setting makes anew: the stages that depend on it and no other, and nothing when it changes back."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from inference_backend.pipeline.cache import StageCache
from inference_backend.pipeline.progress import STAGE_SHARES, JobProgress
from inference_backend.pipeline.recover import Job, recover
from inference_backend.pipeline.settings import RecoverSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "service"))
from synthetic_stages import PEOPLE, SyntheticStages, T

FROM_CAMERA = ["camera", "estimate", "world", "contacts", "foot_lock"]
FROM_SHOTS = ["shots", "people", "background", *FROM_CAMERA]
EACH_PERSON = ("estimate", "contacts", "foot_lock", "physics")


class Place:
    """A clip, its cache, and what stages made there."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "clip.mp4").write_bytes(b"anything: the stages are synthetic")

    def kept(self):
        return {path.relative_to(self.folder) for path in (self.folder / "cache").glob("*/*.npz")}

    def made(self, settings, contacts=None):
        """Names of the stages whose outputs were added to the cache, in their order, once for each person."""
        before = self.kept()
        job = Job(self.folder / "clip.mp4", self.folder / "out", RecoverSettings.from_json(settings), contacts, "cpu")
        stages, progress = SyntheticStages(self.folder), JobProgress("job", lambda _: None)
        cache = StageCache(self.folder / "cache")
        recover(job, cache, progress, threading.Event(), lambda _: None, stages)
        return sorted((path.parent.name for path in self.kept() - before), key=list(STAGE_SHARES).index)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("place"))
    assert place.made({}) == for_people(["frames", *FROM_SHOTS])
    return place


def for_people(stages):
    return [stage for stage in stages for _ in (PEOPLE if stage in EACH_PERSON else [0])]


@pytest.mark.parametrize(
    ("settings", "stages"),
    [
        ({"frames": {"end_s": 0.5}}, ["frames", *FROM_SHOTS]),
        ({"shots": {"detect": False}}, FROM_SHOTS),
        ({"people": {"people": 2}}, ["people", *FROM_CAMERA]),
        ({"camera": {"focal_px": 700.0}}, FROM_CAMERA),
        ({"camera": {"motion": "static"}}, FROM_CAMERA),
        ({"estimator": "kinematic"}, FROM_CAMERA[1:]),
        ({"world": {"camera_height_m": 1.2}}, FROM_CAMERA[2:]),
        ({"trajectory": {"trigger": "always"}}, ["trajectory", "contacts", "foot_lock"]),
        ({"contacts": {"height_m": 0.03}}, ["contacts", "foot_lock"]),
        ({"foot_lock": {"strength": 0.5}}, ["foot_lock"]),
        ({"physics": {"mode": "auto"}}, ["physics"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_changed_setting_makes_anew_what_depends_on_it(place, settings, stages):
    assert place.made(settings) == for_people(stages)
    assert place.made(settings) == []
    assert place.made({}) == []


def test_edited_contacts_make_anew_the_foot_lock_of_that_person(place):
    edits = place.folder / "edits.npz"
    rows = np.zeros((T, 4), bool)
    rows[3:9, 0] = True
    np.savez(edits, **{f"p{PEOPLE[1]}_contact": rows})
    assert place.made({}, edits) == ["foot_lock"]
    assert place.made({}, edits) == []
