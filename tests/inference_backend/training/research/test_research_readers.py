"""Readers of annotated data sets, on tiny files of the same layout."""

import cv2
import numpy as np
import pytest
import torch

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training.data.readers.amass import read_amass
from inference_backend.training.data.readers.bedlam import read_bedlam
from inference_backend.training.data.readers.clip import spans
from inference_backend.training.data.readers.egobody import read_egobody
from inference_backend.training.data.readers.image_poses import read_image_poses
from inference_backend.training.data.readers.mixture import Mixture
from inference_backend.training.research.pictures import PictureLoader, read_picture, well_seen


def test_amass_in_both_layouts(amass):
    clips = list(read_amass(amass, "train"))
    assert [len(clip) for clip in clips] == [40, 40, 31]
    stored = np.load(amass / "CMU" / "01" / "walk.npy")
    cmu = next(clip for clip in clips if "CMU" in clip.name)
    np.testing.assert_array_equal(cmu.poses[:, 0], stored[:, :3])
    np.testing.assert_array_equal(cmu.poses[:, 1:].reshape(40, 63), stored[:, 16:79])
    np.testing.assert_array_equal(cmu.transl, stored[:, 3:6])
    np.testing.assert_array_equal(cmu.betas, stored[0, 6:16])
    official = next(clip for clip in clips if "HDM05" in clip.name)
    source = np.load(amass / "MPI_HDM05" / "bk" / "run_stageii.npz")
    np.testing.assert_allclose(official.transl, source["trans"][::4], atol=1e-5)
    np.testing.assert_allclose(official.poses[:, 1:].reshape(31, 63), source["pose_body"][::4], atol=1e-5)
    assert [clip.name.split("/")[-3] for clip in read_amass(amass, "test")] == ["TCDHands"]


def test_amass_that_cannot_be_used(tmp_path, amass):
    with pytest.raises(RecoverError, match="no motion"):
        list(read_amass(tmp_path))
    (tmp_path / "CMU").mkdir()
    np.save(tmp_path / "CMU" / "a.npy", np.zeros((5, 70)))
    with pytest.raises(RecoverError, match=r"a\.npy") as caught:
        list(read_amass(tmp_path))
    assert caught.value.code == ErrorCode.BAD_INPUT
    (tmp_path / "CMU" / "a.npy").write_bytes(b"no array")
    with pytest.raises(RecoverError, match=r"a\.npy"):
        list(read_amass(tmp_path))
    (tmp_path / "CMU" / "a.npy").unlink()
    source = dict(np.load(amass / "MPI_HDM05" / "bk" / "run_stageii.npz"))
    np.savez(tmp_path / "CMU" / "b_stageii.npz", **{**source, "gender": np.array("female")})
    with pytest.raises(RecoverError, match="female"):
        list(read_amass(tmp_path))


def test_bedlam_by_person_in_the_order_of_time(bedlam):
    clips = list(read_bedlam(*bedlam))
    assert len(clips) == 3 * 2, "three scenes with two people each; the hair of gyms is left out"
    for clip in clips:
        assert len(clip) == 12
        assert [path.name for path in clip.pictures] == sorted(path.name for path in clip.pictures)
        assert all(path.is_file() for path in clip.pictures)
        assert np.abs(np.diff(clip.body.transl, axis=0)).max() < 0.15, "successive frames of one person"
        assert clip.body.transl[0, 2] == pytest.approx(3.5, abs=0.3), "the camera's own place is added"
    assert [clip.clockwise for clip in clips] == [False, False, False, False, True, True]
    standing = list(read_bedlam(*bedlam, moving=False))
    assert len(standing) == 4
    assert not any("zoom" in clip.body.name for clip in standing)


def test_bedlam_breaks_clips_at_gaps(tmp_path, bedlam):
    annotations, pictures = bedlam
    source = next(path for path in sorted(annotations.glob("*.npz")) if "batch01" in path.stem)
    table = dict(np.load(source))
    kept = np.array([not name.endswith("_0025.png") for name in table["imgname"]])
    np.savez(tmp_path / source.name, **{name: value[kept] for name, value in table.items()})
    assert sorted(len(clip) for clip in read_bedlam(tmp_path, pictures)) == [5, 5, 6, 6]
    del table["cam_int"]
    np.savez(tmp_path / source.name, **table)
    with pytest.raises(RecoverError, match="cam_int"):
        list(read_bedlam(tmp_path, pictures))
    with pytest.raises(RecoverError, match="no pictures"):
        list(read_bedlam(annotations, tmp_path))


def test_people_out_of_the_picture_are_noticed(bedlam, bodies):
    clip = next(read_bedlam(*bedlam)).frames(0, 5)
    assert well_seen(clip, bodies, (160, 120))
    assert not well_seen(clip, bodies, (60, 120))


def test_lying_pictures_are_turned(bedlam):
    clip = list(read_bedlam(*bedlam))[-1]
    stored = cv2.imread(str(clip.pictures[0]))
    upright = read_picture(clip, 0)
    assert stored.shape[:2] == (160, 120)
    assert upright.shape == (120, 160, 3)
    np.testing.assert_array_equal(upright[0, -1], stored[0, 0, ::-1])


def test_egobody_in_every_view(egobody, bodies):
    clips = list(read_egobody(egobody, bodies.bodies))
    assert len(clips) == 4, "two people in two views"
    assert [clip.body.gender for clip in clips] == ["male", "male", "female", "female"]
    assert all(len(clip) == 7 for clip in clips), "frames 1 to 7"
    master, aside = clips[:2]
    body = bodies.bodies["male"]

    def pelvis(clip):
        return clip.body.transl + body.rest_joints(torch.from_numpy(clip.body.betas))[0].numpy()

    np.testing.assert_allclose(pelvis(master) - pelvis(aside), np.tile((0.2, 0.0, -0.1), (7, 1)), atol=1e-5)
    keypoints = bodies.keypoints(
        cv2_matrices(master.body.poses), master.body.transl, master.body.betas, "male", master.K
    )
    box = master.center[0], 100 * master.scale[0]
    inside = np.abs(keypoints[0, 1:15, :2] - box[0]).max(1) < box[1]
    assert inside.all(), "joints are in the box"


def cv2_matrices(poses):
    return np.stack([[cv2.Rodrigues(p.astype(np.float64))[0] for p in frame] for frame in poses]).astype(np.float32)


def test_gendered_fits_need_their_bodies(egobody, bodies):
    with pytest.raises(RecoverError, match="male"):
        list(read_egobody(egobody, {"neutral": bodies.neutral}))


def test_images_without_a_camera(images):
    clips = list(read_image_poses(*images))
    assert len(clips) == 10
    assert all(len(clip) == 1 and not clip.placed for clip in clips)
    assert clips[0].K[0].tolist() == [[200.0, 0, 80], [0, 200.0, 60], [0, 0, 1]], "the diagonal of 160 x 120"


def test_images_that_are_not_there(tmp_path, images):
    with pytest.raises(RecoverError, match=r"000000000000\.jpg"):
        list(read_image_poses(images[0], tmp_path))


def test_loaded_clips_hold_together(egobody, images, bodies):
    rng = np.random.default_rng(0)
    clip = next(read_egobody(egobody, bodies.bodies)).frames(0, 3)
    batch = PictureLoader(bodies, 32).batch([clip, clip], rng, single=False)
    assert batch.crops.shape == (2, 3, 32, 32, 3)
    assert batch.crops.float().std() > 10
    assert batch.box.shape == (2, 3, 3)
    assert batch.genders == ["male", "male"]
    jittered = batch.box[0, :, :2] - batch.box[1, :, :2]
    assert jittered.abs().max() > 0, "boxes move from draw to draw"
    singles = list(read_image_poses(*images))[:4]
    batch = PictureLoader(bodies, 32).batch(singles, rng, single=True)
    assert batch.keypoints.shape == (4, 1, 44, 3)
    assert torch.isfinite(batch.rotations).all()
    identity = batch.rotations @ batch.rotations.mT
    torch.testing.assert_close(identity, torch.eye(3).expand_as(identity), atol=1e-5, rtol=0)


def test_broken_pictures_are_named(egobody, bodies, tmp_path):
    clip = next(read_egobody(egobody, bodies.bodies)).frames(0, 1)
    gone = tmp_path / "frame_00001.jpg"
    gone.write_bytes(b"no picture")
    from dataclasses import replace

    with pytest.raises(RecoverError, match=r"frame_00001\.jpg"):
        PictureLoader(bodies, 32).batch([replace(clip, pictures=(gone,))], np.random.default_rng(0), single=False)


def test_mixtures_keep_their_proportions():
    mixture = Mixture([list(range(1000)), list(range(5000, 5010))], [0.5, 0.5])
    drawn = list(mixture.epoch(np.random.default_rng(0)))
    assert len(drawn) == 1010
    assert sum(item >= 5000 for item in drawn) == 505, "a small set is repeated"
    assert len({item for item in drawn if item < 5000}) == 505, "a large one is not"
    with pytest.raises(ValueError, match="share"):
        Mixture([[1], []], [0.5, 0.5])


def test_spans_do_not_run_over_the_end():
    assert list(spans(10, 4)) == [(0, 4), (4, 8)]
    assert list(spans(10, 4, 2)) == [(0, 4), (2, 6), (4, 8), (6, 10)]
    assert list(spans(3, 4)) == []
