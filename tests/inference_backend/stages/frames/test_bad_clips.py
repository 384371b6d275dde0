import wave

import pytest

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.stages.frames.focal import focal_from_metadata
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.frames.read import read_frames


def refusal(path, *arguments, **options) -> RecoverError:
    with pytest.raises(RecoverError) as caught:
        probe(path, *arguments, **options)
    assert caught.value.sentence.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


def test_a_file_that_is_gone(tmp_path):
    error = refusal(tmp_path / "gone.mp4")
    assert error.code is ErrorCode.BAD_INPUT
    assert "gone.mp4" in error.sentence


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in refusal(tmp_path / "empty.mp4").sentence


def test_a_text_file(tmp_path):
    (tmp_path / "notes.mp4").write_text("Dear diary, " * 500)
    assert "not a video" in refusal(tmp_path / "notes.mp4").sentence


def test_a_video_without_its_index(clips):
    path = clips.write("clip.mp4", 20, size=(320, 240), noise=True)
    path.write_bytes(path.read_bytes()[:-2000])  # the index is at the end
    assert "not a video" in refusal(path).sentence


def test_sound_only(tmp_path):
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    assert "no picture track" in refusal(path).sentence


def test_a_track_that_is_not_there(clips):
    assert "1 picture track" in refusal(clips.write("clip.mp4"), stream=3).sentence


@pytest.mark.parametrize(("start", "end"), [(5.0, None), (0.801, 0.9), (0.01, 0.03)])
def test_no_frames_in_the_range(clips, start, end):
    error = refusal(clips.write("clip.mp4"), start, end)
    assert "no frame between" in error.sentence
    assert "0.80 s long" in error.remedy


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (1.0, 1.0), (None, 0.0), (-1.0, None), (float("nan"), None)])
def test_a_range_that_makes_no_sense(clips, start, end):
    assert refusal(clips.write("clip.mp4"), start, end).code is ErrorCode.BAD_SETTING


def test_a_rate_that_makes_no_sense(tmp_path):
    assert refusal(tmp_path, image_fps=0).code is ErrorCode.BAD_SETTING


def test_a_file_that_goes_between_probing_and_reading(clips):
    video = probe(clips.write("clip.mp4"))
    video.path.unlink()
    with pytest.raises(RecoverError, match="not there any more"):
        next(read_frames(video))


@pytest.mark.parametrize(
    ("tags", "millimetres"),
    [
        ({"FocalLengthIn35mmFilm": " 28"}, 28),
        ({"com.apple.quicktime.camera.focal_length.35mm_equivalent": "26.5"}, 26.5),
        ({"FocalLengthIn35mmFilm": "52/2"}, 26),
        ({"FocalLengthIn35mmFilm": "0"}, 0),
        ({"FocalLengthIn35mmFilm": "1/0"}, 0),
        ({"FocalLengthIn35mmFilm": "wide"}, 0),
        ({}, 0),
    ],
)
def test_focal_length_from_tags(tags, millimetres):
    # A full-frame picture of 3600 x 2400 pixels has 100 pixels a millimetre.
    assert focal_from_metadata(tags, (3600, 2400)) == pytest.approx(100 * millimetres)
