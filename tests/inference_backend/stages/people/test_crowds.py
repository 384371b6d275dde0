"""Ten people: the sample's first pictures, tiled."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference_backend.records.context import StageContext
from inference_backend.records.video import Shots
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.frames.read import read_frames
from inference_backend.stages.people.find_people import find_people
from inference_backend.stages.people.settings import PeopleSettings

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "sample.mp4"
FRAMES = 15
TILE = 384, 432


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crowd")
    for frame, picture in read_frames(probe(SAMPLE), range(FRAMES)):
        one = np.asarray(Image.fromarray(picture[:, 320:960]).resize(TILE))
        Image.fromarray(np.tile(one, (2, 5, 1))).save(folder / f"{frame:02}.png", compress_level=1)
    return probe(folder)


def test_ten_people_are_found_when_ten_are_asked_for(crowd):
    one_shot = Shots(np.zeros(FRAMES, np.int64), np.zeros(FRAMES, bool))
    tracks = find_people(crowd, one_shot, PeopleSettings(people=10), StageContext())
    assert len(tracks) == 10
    centres = np.array([track.box[-1].reshape(2, 2).mean(axis=0) for track in tracks])
    assert len(np.unique((centres // TILE).astype(int), axis=0)) == 10
    assert all(len(track) == FRAMES and track.seen.all() for track in tracks)
