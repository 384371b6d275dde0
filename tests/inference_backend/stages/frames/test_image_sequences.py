import cv2
import numpy as np
import pytest
from PIL import Image

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.stages.frames.probe import probe
from inference_backend.stages.frames.read import read_frames


@pytest.fixture
def folder(clips):
    """Images 8 to 12 of a sequence, without leading zeros, in a folder with an awkward name."""
    folder = clips.folder / "взгляд 'quoted' 影片"
    folder.mkdir()
    for number in range(8, 13):
        Image.fromarray(clips.picture(number)).save(folder / f"shot {number}.png")
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.mark.parametrize("name", ["", "shot #.png", "shot %d.png", "shot *.png", "shot 8.png"])
def test_a_sequence_is_a_clip_however_it_is_named(clips, folder, name):
    video = probe(folder / name if name else folder, image_fps=24)
    assert [path.name for path in video.images] == [f"shot {number}.png" for number in range(8, 13)]
    assert video.fps == 24
    np.testing.assert_allclose(video.time_s, np.arange(5) / 24)
    assert [(frame, clips.number(picture)) for frame, picture in read_frames(video)] == list(enumerate(range(8, 13)))


def test_a_sequence_is_trimmed_like_a_video(clips, folder):
    video = probe(folder, 0.05, 0.15, image_fps=20)
    assert video.frame_index.tolist() == [1, 2]
    assert [clips.number(picture) for _, picture in read_frames(video, [1])] == [10]


def test_numbering_with_a_gap_ends_there(folder):
    (folder / "shot 10.png").unlink()
    assert len(probe(folder / "shot 8.png")) == 2


def test_an_image_without_a_number_stands_alone(clips):
    path = clips.folder / "portrait.jpg"
    Image.fromarray(clips.picture(3)).save(path, quality=98)
    video = probe(path)
    assert len(video) == 1
    assert [clips.number(picture) for _, picture in read_frames(video)] == [3]


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16"])
def test_grey_alpha_and_sixteen_bits_become_rgb(clips, mode):
    path = clips.folder / f"{mode[0]}.png"
    picture = clips.picture(5)
    if mode == "I;16":
        cv2.imwrite(str(path), picture.astype(np.uint16) * 257)
    else:
        Image.fromarray(picture).convert(mode).save(path)
    (_, read), *_ = read_frames(probe(path))
    assert read.shape == (48, 64, 3)
    assert read.dtype == np.uint8
    assert clips.number(read) == 5


def test_a_photograph_states_its_focal_length_and_orientation(clips):
    path = clips.folder / "photo.jpg"
    image = Image.fromarray(clips.picture(2, 320, 200))
    exif = image.getexif()
    exif[0x0112] = 6  # turn clockwise to see it upright
    exif.get_ifd(0x8769)[0xA405] = 26  # focal length in 35 mm film
    image.save(path, exif=exif)
    video = probe(path)
    assert video.size_wh == (200, 320)
    assert video.focal_px == pytest.approx(26 / np.hypot(36, 24) * np.hypot(200, 320), rel=1e-6)
    (_, picture), *_ = read_frames(video)
    assert picture[:, -10:].mean() > 240  # the bright bar of the upper edge is on the right now


def test_an_image_of_another_size_is_named(clips, folder):
    Image.fromarray(clips.picture(9, 80, 48)).save(folder / "shot 9.png")
    with pytest.raises(RecoverError, match=r"shot 9.png.*80 x 48") as caught:
        list(read_frames(probe(folder)))
    assert caught.value.code is ErrorCode.BAD_INPUT


def test_an_unreadable_image_is_named(folder):
    (folder / "shot 9.png").write_bytes(b"no image")
    with pytest.raises(RecoverError, match=r"shot 9.png"):
        list(read_frames(probe(folder)))


def test_a_folder_or_pattern_without_images_is_refused(clips):
    with pytest.raises(RecoverError, match="folder without images"):
        probe(clips.folder)
    with pytest.raises(RecoverError, match="matches no image"):
        probe(clips.folder / "shot.####.png")
