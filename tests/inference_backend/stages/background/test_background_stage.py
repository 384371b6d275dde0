"""The background is followed alike in the pictures of the people stage and in a reading of its own."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from inference_backend.records.context import StageContext
from inference_backend.records.store import load_record, save_record
from inference_backend.records.video import Shots
from inference_backend.stages.background.follower import BackgroundFollower
from inference_backend.stages.background.stage import follow_background
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.people.find_people import find_people
from inference_backend.stages.people.settings import PeopleSettings
from tests.inference_backend.stages.turning_camera import Filming, turns

SAMPLE = Path(__file__).resolve().parents[4] / "tests" / "sample" / "sample.mp4"


def assert_same(one, other):
    for entry in fields(one):
        np.testing.assert_array_equal(getattr(one, entry.name), getattr(other, entry.name), err_msg=entry.name)


def panning(count=30):
    return Filming(turns(np.outer(np.linspace(0, 20, count), [0, 1, 0])), 480.0)


def test_watching_and_reading_again_are_the_same(tmp_path):
    video = probe(SAMPLE, 1.0, 1.6)
    shots = Shots(np.zeros(len(video), np.int64), np.zeros(len(video), bool))
    settings = PeopleSettings(working_side=960)
    follower = BackgroundFollower(video, shots)
    find_people(video, shots, settings, StageContext(), follower.see)
    watched = follow_background(video, shots, settings.working_side, StageContext(), follower)
    assert_same(watched, follow_background(video, shots, settings.working_side, StageContext()))
    assert len(watched.link_key) == len(video) - 1
    save_record(tmp_path / "kept.npz", watched)
    assert_same(watched, load_record(tmp_path / "kept.npz"))


def test_places_are_pixels_of_the_upright_frame():
    """Points of the room, which the film knows, wherever they are followed to."""
    film = panning()
    film.video = replace(film.video, size_wh=(960, 540))  # of which the pictures show half the size
    found = film.background()
    assert found.scale == 2
    for link in range(len(found.link_key)):
        rows = slice(found.link_start[link], found.link_start[link + 1])
        before, after = found.key_place[found.point[rows]], found.place[rows]
        assert (found.key_frame[found.point[rows]] == found.link_key[link]).all()
        rays = np.concatenate([(before - [480, 270]) / 960, np.ones((len(before), 1))], 1)
        there = rays @ film.turn[found.link_key[link]].T @ film.turn[found.link_frame[link]]
        expected = 960 * there[:, :2] / there[:, 2:] + [480, 270]
        assert np.median(np.linalg.norm(after - expected, axis=1)) < 0.4


@pytest.mark.parametrize("blended", [(), (14, 15, 16)])
def test_nothing_is_followed_across_a_cut_or_through_a_cross_fade(blended):
    film = panning()
    mixed = np.zeros(30, bool)
    mixed[list(blended)] = True
    found = film.background(Shots((np.arange(30) >= 15).astype(np.int64), mixed))
    assert ((found.link_key < 15) == (found.link_frame < 15)).all()
    assert not np.isin(found.link_frame, blended).any()
    assert set(range(1, 30)) - set(found.link_frame.tolist()) == {15, *blended, *({17} if blended else ())}


def test_memory_does_not_grow_with_where_the_camera_goes(monkeypatch):
    """Pictures of the first key frame and the latest are kept, however many there were."""
    monkeypatch.setattr("inference_backend.stages.background.follower._MOST_KEYS", 3)
    film = Filming(turns(np.outer(np.linspace(0, 80, 20), [0, 1, 0])), 480.0)
    follower = BackgroundFollower(film.video, film.shots)
    for t in range(20):
        follower.see(t, film.picture(t))
    kept = follower.finish()
    assert len(np.unique(kept.key_frame)) > 4
    assert len(follower._keys) == 3
    assert follower._keys[0].frame == 0
    size = sum(getattr(kept, entry.name).nbytes for entry in fields(kept) if entry.name != "scale")
    assert size < 20 * 8000
