"""Cameras that pan, tilt, zoom and shake, against exact truth."""

import numpy as np
import pytest

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.video import Shots
from inference_backend.stages.camera.settings import CameraSettings
from inference_backend.stages.camera.stage import estimate_camera
from tests.inference_backend.stages.turning_camera import Filming, errors, painted_sphere, pinhole, shake, turns

FOCAL = 480.0
SECONDS = np.arange(60) / 30


def about(axis, degrees):
    return turns(np.asarray(degrees)[:, None] * np.eye(3)["xyz".index(axis)])


def camera_of(film, said=None, background=None, shots=None, tracks=None, **settings):
    ctx = StageContext(note=(said if said is not None else []).append)
    tracks = tracks if tracks is not None else [film.track()] if film.subject is not None else []
    background = background or film.background(shots)
    return estimate_camera(film.video, shots or film.shots, tracks, CameraSettings(**settings), ctx, background)


@pytest.mark.parametrize(
    ("turn", "zoom"),
    [
        (about("y", 12 * np.sin(2 * SECONDS)), None),
        (about("x", 9 * np.sin(2 * SECONDS)), None),
        (about("z", 10 * np.sin(2 * SECONDS)), None),
        (turns(shake(60, 0.7)), None),
        (about("y", 0 * SECONDS), 1 + 0.25 * SECONDS),
        (turns(shake(60, 0.3) + np.outer(10 * np.sin(SECONDS), [0.2, 1, 0])), 1 - 0.2 * np.sin(SECONDS)),
    ],
    ids=["pan", "tilt", "roll", "shake", "zoom", "all at once"],
)
def test_turning_and_zoom_are_found(turn, zoom):
    film = Filming(turn, FOCAL if zoom is None else FOCAL * zoom)
    camera = camera_of(film, K=tuple(map(tuple, pinhole(film.focal[0]))))
    assert camera.motion == ("turning",)
    assert camera.source == ("user",)
    assert errors(camera.turn, film.from_first).max() < 0.25
    np.testing.assert_array_equal(camera.turn[0], np.eye(3))
    if zoom is None:
        assert np.ptp(camera.K, axis=0).max() == 0
    else:
        np.testing.assert_allclose(camera.K[:, 0, 0], film.focal, rtol=0.012)
        np.testing.assert_array_equal(camera.K[:, 0, 0], camera.K[:, 1, 1])
    np.testing.assert_array_equal(camera.K[0], pinhole(film.focal[0]))


def test_the_camera_s_turning_tells_its_focal_length():
    film, said = Filming(about("y", 14 * np.sin(2 * SECONDS)), 600.0), []
    camera = camera_of(film, said)
    assert camera.source == ("turning",)
    np.testing.assert_allclose(camera.K[:, 0, 0], 600, rtol=0.03)
    assert "how the camera turns" in said[0]
    assert errors(camera.turn, film.from_first).max() < 0.4
    # A roll looks the same under every lens.
    film, said = Filming(about("z", 10 * np.sin(2 * SECONDS)), 600.0), []
    camera = camera_of(film, said)
    assert camera.source == ("fallback",)
    np.testing.assert_allclose(camera.K[:, 0, 0], 0.81 * np.hypot(480, 270))
    assert "not known" in said[0]


def test_a_full_turn_comes_back_to_where_it_began():
    film = Filming(about("y", np.linspace(0, 365, 110)), FOCAL)
    camera = camera_of(film, focal_px=FOCAL)
    assert errors(camera.turn, film.from_first).max() < 1.0
    assert errors(camera.turn[-4:], film.from_first[-4:]).max() < 0.3


def test_coming_back_leaves_no_drift():
    film = Filming(about("y", 25 * np.sin(np.linspace(0, 4 * np.pi, 90))), FOCAL)
    camera = camera_of(film, focal_px=FOCAL)
    error = errors(camera.turn, film.from_first)
    assert error.max() < 0.15
    assert error[-3:].max() < 0.05


@pytest.mark.parametrize("wide", [90, 230])
def test_a_person_s_own_motion_does_not_count(wide):
    """Somebody large walks through the picture of a camera that pans, and before one that stands still."""
    path = np.stack([np.linspace(120, 360, 60), np.full(60, 150.0)], 1)
    film = Filming(about("y", 6 * np.sin(2 * SECONDS)), FOCAL, subject=path, subject_wh=(wide, 230))
    assert errors(camera_of(film, focal_px=FOCAL).turn, film.from_first).max() < 0.25
    still = Filming(about("y", 0 * SECONDS), FOCAL, subject=path, subject_wh=(wide, 230))
    camera = camera_of(still, focal_px=FOCAL)
    assert (camera.turn, camera.motion) == (None, ("still",))


def test_a_camera_that_stands_still_is_as_if_nobody_had_asked():
    film = Filming(turns(np.zeros((40, 3))), FOCAL, light=1 + 0.15 * np.sin(np.arange(40)))
    background = film.background()
    plain = estimate_camera(film.video, film.shots, [], CameraSettings(), StageContext())
    for motion in ("auto", "static"):
        camera = camera_of(film, background=background, motion=motion)
        assert (camera.turn, camera.motion, camera.source) == (None, ("still",), plain.source)
        np.testing.assert_array_equal(camera.K, plain.K)


def test_the_user_decides_about_what_hardly_moves():
    film = Filming(turns(shake(40, 0.025)), FOCAL)
    background = film.background()
    assert camera_of(film, background=background).turn is None
    camera = camera_of(film, background=background, motion="moving", focal_px=FOCAL)
    assert errors(camera.turn, film.from_first).max() < 0.03
    film = Filming(about("y", 6 * np.sin(2 * SECONDS)), FOCAL)
    assert camera_of(film, motion="static").turn is None


@pytest.mark.parametrize("motion", ["auto", "moving"])
def test_a_background_without_features_is_said_and_taken_as_still(motion):
    blank = np.full((1440, 2880), 180, np.uint8)
    path = np.stack([np.linspace(200, 280, 40), np.full(40, 150.0)], 1)
    film, said = Filming(about("y", np.linspace(0, 20, 40)), FOCAL, sphere=blank, subject=path), []
    camera = camera_of(film, said, motion=motion)
    assert (camera.turn, camera.motion) == (None, ("unknown",))
    assert any("too little to tell whether the camera moves" in sentence for sentence in said)


def test_light_that_changes_is_no_motion():
    film = Filming(about("y", 8 * np.sin(2 * SECONDS)), FOCAL, light=np.linspace(1.0, 0.6, 60))
    assert errors(camera_of(film, focal_px=FOCAL).turn, film.from_first).max() < 0.25


def test_frames_that_nobody_saw_are_bridged():
    film = Filming(about("y", np.linspace(0, 12, 60)), FOCAL)
    camera = camera_of(film, background=film.background(leave_out=(0, 1, 20, 21, 22, 59)), focal_px=FOCAL)
    assert errors(camera.turn, film.from_first)[3:-1].max() < 0.6  # what is before the first seen frame is not known
    assert np.isfinite(camera.turn).all()


def test_each_shot_has_its_own_camera():
    film = Filming(turns(np.concatenate([np.zeros((30, 3)), np.outer(np.linspace(90, 100, 30), [0, 1, 0])])), FOCAL)
    shots = Shots((np.arange(60) >= 30).astype(np.int64), np.zeros(60, bool))
    camera = camera_of(film, shots=shots, focal_px=FOCAL)
    assert camera.motion == ("still", "turning")
    assert camera.turn_of(np.arange(30)) is None
    np.testing.assert_array_equal(camera.turn[:31], np.tile(np.eye(3), (31, 1, 1)))
    own = film.turn[30].T @ film.turn[30:]
    assert errors(camera.turn_of(np.arange(30, 60)), own).max() < 0.25


def test_a_known_lens_s_distortion_is_taken_out():
    film = Filming(about("y", 12 * np.sin(2 * SECONDS)), FOCAL)
    background = film.background()
    k1 = -0.12
    for name in ("key_place", "place"):
        xy = (getattr(background, name) - [240, 135]) / FOCAL
        bent = xy * (1 + k1 * (xy**2).sum(1, keepdims=True))
        getattr(background, name)[:] = bent * FOCAL + [240, 135]
    told = camera_of(film, background=background, focal_px=FOCAL, dist=(k1, 0, 0, 0))
    assert errors(told.turn, film.from_first).max() < 0.1
    blind = camera_of(film, background=background, focal_px=FOCAL)
    assert errors(blind.turn, film.from_first).max() > 0.1


def test_a_camera_that_is_carried_is_called_so():
    """Things at 3 to 8 m, and a camera that walks 1.5 m sideways past them while it pans."""
    rng = np.random.default_rng(1)
    points = rng.uniform([-4, -1.5, 3], [4, 1.5, 8], (400, 3))
    film = Filming(about("y", np.linspace(0, 6, 60)), FOCAL, sphere=np.zeros((1440, 2880), np.uint8))
    background = film.background()
    places = []
    for t in range(60):
        seen = (points - [1.5 * t / 59, 0, 0]) @ film.turn[t]
        places.append(FOCAL * seen[:, :2] / seen[:, 2:] + [240, 135])
    inside = np.flatnonzero(np.all([((p > 0) & (p < (480, 270))).all(1) for p in places], axis=0))
    n = len(inside)
    assert n > 30
    background = type(background)(
        np.zeros(n, np.int64), places[0][inside].astype(np.float32), np.zeros(59, np.int64), np.arange(1, 60),
        n * np.arange(60), np.tile(np.arange(n), 59).astype(np.int32),
        np.concatenate([p[inside] for p in places[1:]]).astype(np.float32), 1.0,
    )  # fmt: skip
    said = []
    camera = camera_of(film, said, background=background, focal_px=FOCAL)
    assert camera.motion == ("carried",)
    assert any("is carried through the room" in sentence for sentence in said)
    assert np.isfinite(camera.turn).all()


def test_an_unknown_motion_is_a_sentence():
    with pytest.raises(RecoverError) as caught:
        CameraSettings(motion="dancing")
    assert caught.value.code == ErrorCode.BAD_SETTING
    assert "moving" in caught.value.remedy


def test_one_frame_and_a_low_contrast(studio):
    one = Filming(np.eye(3)[None], FOCAL)
    assert camera_of(one).motion == ("still",)
    film = Filming(about("y", 8 * np.sin(2 * SECONDS)), FOCAL, sphere=painted_sphere(3, contrast=0.25))
    assert errors(camera_of(film, focal_px=FOCAL).turn, film.from_first).max() < 0.3
