import errno
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from inference_backend.body.body import Body
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.protocol.result_format import (
    CLIP_KEYS,
    FORMAT_VERSION,
    PERSON_KEYS,
    load_contacts,
    load_result,
)
from inference_backend.records.camera import Camera, WorldFrame
from inference_backend.records.motion import Contacts, WorldMotion
from inference_backend.records.people import PersonTrack
from inference_backend.records.store import write_npz
from inference_backend.records.video import Shots, Video
from inference_backend.stages.result.assemble import RecoveredPerson, assemble
from inference_backend.stages.result.folder import prepare_folder
from inference_backend.stages.result.write import write_result

T = 12
FRAMES = np.arange(3, 10)
N = len(FRAMES)


@pytest.fixture(scope="module")
def body():
    return Body.load()


def rotations(rng, *shape):
    return Rotation.from_rotvec(rng.normal(0, 0.5, (int(np.prod(shape)), 3))).as_matrix().reshape(*shape, 3, 3)


def motion(person, seed):
    rng = np.random.default_rng(seed)
    valid = np.ones(N, bool)
    valid[4] = False
    return WorldMotion(
        person_id=person,
        shot=0,
        frames=FRAMES,
        valid=valid,
        betas=rng.normal(size=10) * 0.5,
        global_orient=rotations(rng, N),
        body_pose=rotations(rng, N, 21),
        transl=rng.normal(size=(N, 3)),
        confidence=rng.random((N, 22)).astype(np.float32),
    )


def recovered(person, seed):
    raw = motion(person, seed)
    track = PersonTrack(
        person_id=person,
        shot=0,
        frames=FRAMES,
        seen=np.ones(N, bool),
        box=np.arange(N * 4, dtype=np.float32).reshape(N, 4) + 1,
        keypoints=np.full((N, 33, 2), np.nan, np.float32),
        visibility=np.zeros((N, 33), np.float32),
        keypoints_world=np.full((N, 33, 3), np.nan, np.float32),
        mask=np.zeros((N, 64, 6), np.uint8),
    )
    cleaned = replace(raw, transl=raw.transl + np.array([0, 0.1, 0]))
    return RecoveredPerson(track, raw, cleaned, Contacts(person, np.tile([True, False, True, True], (N, 1))))


@pytest.fixture(scope="module")
def clip():
    rng = np.random.default_rng(9)
    video = Video(Path("v.mp4"), 23.976, (1920, 1080), np.arange(T) / 23.976 + 1, np.arange(T) + 24)
    K = np.tile(np.array([[1400.0, 0, 960], [0, 1400, 540], [0, 0, 1]]), (T, 1, 1))
    camera = Camera(K, np.array([0.1, 0, 0, 0, 0]), ("user",))
    world = WorldFrame(rotations(rng, T), rng.normal(size=(T, 3)), (True,), ("feet",))
    return video, Shots(np.zeros(T, np.int64), np.zeros(T, bool)), camera, world


@pytest.fixture(scope="module")
def folder(body, clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("result")
    arrays = assemble(*clip, [recovered(7, 1), recovered(2, 0)], body, "kinematic", ["A note — with “quotes”."])
    write_result(out, arrays, body)
    return out


def test_the_file_has_exactly_the_documented_keys_and_no_pickle(folder):
    with np.load(folder / "result.npz", allow_pickle=False) as file:
        expected = {"format_version", *CLIP_KEYS} | {f"p{i}_{key}" for i in (2, 7) for key in PERSON_KEYS}
        assert set(file.files) == expected
        assert all(np.isfinite(file[key]).all() for key in file.files if file[key].dtype.kind == "f")


def test_what_the_stages_made_is_read_back(folder, body, clip):
    result = load_result(folder / "result.npz")
    assert [person.person_id for person in result.people] == [2, 7]
    assert (result.fps, result.size_wh, result.floor_y) == (23.976, (1920, 1080), 0.0)
    assert (result.body_name, result.body_sha256) == (body.name, body.sha256)
    assert result.warnings == ("A note — with “quotes”.",)
    np.testing.assert_array_equal(result.frame_index, np.arange(T) + 24)
    person, source = result.people[0], recovered(2, 0)
    rows = FRAMES[source.cleaned.valid]
    absent = np.setdiff1d(np.arange(T), rows)
    np.testing.assert_array_equal(np.flatnonzero(person.valid), rows)
    for array in (person.motion.transl, person.motion.body_pose, person.joints_camera, person.box, person.contact):
        assert not array[absent].any()
    keep = source.cleaned.valid
    np.testing.assert_allclose(person.motion.transl[rows], source.cleaned.transl[keep], atol=1e-6)
    np.testing.assert_allclose(person.raw.transl[rows], source.raw.transl[keep], atol=1e-6)
    back = Rotation.from_rotvec(person.motion.body_pose[rows].reshape(-1, 3)).as_matrix().reshape(-1, 21, 3, 3)
    np.testing.assert_allclose(back, source.cleaned.body_pose[keep], atol=1e-6)
    np.testing.assert_array_equal(person.box[rows], source.track.box[keep])
    assert person.contact[rows].tolist() == [[True, False, True, True]] * len(rows)


def test_the_arrays_pose_the_body_to_the_joints_that_are_stated(folder, body, clip):
    result = load_result(folder / "result.npz")
    *_, world = clip
    for person in result.people:
        for motion_, shift in ((person.motion, 0.0), (person.raw, 0.1)):
            matrices = [
                torch.from_numpy(Rotation.from_rotvec(a.reshape(-1, 3)).as_matrix().reshape(*a.shape, 3)).float()
                for a in (motion_.global_orient, motion_.body_pose)
            ]
            joints, _ = body.skeleton(
                torch.from_numpy(person.betas).float(), *matrices, torch.from_numpy(motion_.transl).float()
            )
            np.testing.assert_allclose(motion_.joints_world[person.valid], joints.numpy()[person.valid], atol=1e-5)
            height = person.motion.joints_world - motion_.joints_world
            np.testing.assert_allclose(height[person.valid], np.broadcast_to([0, shift, 0], (6, 22, 3)), atol=1e-6)
        back = np.einsum("tij,tkj->tki", world.R_cam_to_world, person.joints_camera) + world.cam_pos_world[:, None]
        np.testing.assert_allclose(back[person.valid], person.motion.joints_world[person.valid], atol=1e-5)


def rewritten(folder, tmp_path, change):
    with np.load(folder / "result.npz") as file:
        arrays = dict(file)
    change(arrays)
    write_npz(tmp_path / "result.npz", arrays)
    return tmp_path / "result.npz"


def test_unknown_keys_are_ignored(folder, tmp_path):
    path = rewritten(folder, tmp_path, lambda a: a.update(novelty=np.ones(3), p2_colour=np.zeros(3)))
    assert len(load_result(path).people) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a.update(format_version=np.array(FORMAT_VERSION + 1)), "newer version"),
        (lambda a: a.update(format_version=np.array("1")), "format_version"),
        (lambda a: a.pop("format_version"), "not a result"),
        (lambda a: a.pop("K"), '"K"'),
        (lambda a: a.pop("p7_raw_transl"), '"p7_raw_transl"'),
        (lambda a: a.update(p2_contact=a["p2_contact"][:-1]), '"p2_contact"'),
        (lambda a: a.update(time_s=a["time_s"][:-1]), '"frame_index"'),
        (lambda a: a.update(K=a["K"].astype("U")), '"K"'),
    ],
)
def test_a_file_that_does_not_fit_gets_a_sentence(folder, tmp_path, change, words):
    path = rewritten(folder, tmp_path, change)
    with pytest.raises(RecoverError) as caught:
        load_result(path)
    assert caught.value.code is ErrorCode.BAD_INPUT
    assert words in caught.value.sentence
    assert str(path) in caught.value.sentence


@pytest.mark.parametrize("content", [b"", b"no zip", b"half", None])
def test_a_file_that_is_no_result_gets_a_sentence(folder, tmp_path, content):
    path = tmp_path / "result.npz"
    if content == b"half":
        content = (folder / "result.npz").read_bytes()[:5000]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecoverError) as caught:
        load_result(path)
    assert caught.value.code is ErrorCode.BAD_INPUT
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(RecoverError):
        load_result(tmp_path / "array.npy")


def test_a_result_is_itself_a_file_of_contacts(folder, tmp_path):
    contacts = load_contacts(folder / "result.npz", np.arange(T) + 24)
    assert contacts.keys() == {2, 7}
    assert contacts[2].shape == (T, 4)
    with pytest.raises(RecoverError, match="other frames"):
        load_contacts(folder / "result.npz", np.arange(T))
    np.savez(tmp_path / "none.npz", x=1)
    with pytest.raises(RecoverError, match="no contacts"):
        load_contacts(tmp_path / "none.npz", np.arange(T))
    np.savez(tmp_path / "odd.npz", p0_contact=np.full((T, 4), 0.5))
    with pytest.raises(RecoverError, match="p0_contact"):
        load_contacts(tmp_path / "odd.npz", np.arange(T))


def test_targets_that_cannot_be_written_get_a_sentence(tmp_path):
    (tmp_path / "a file").write_bytes(b"")
    for folder in (tmp_path / "a file", tmp_path / "a file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(RecoverError) as caught:
            prepare_folder(folder)
        assert caught.value.code is ErrorCode.BAD_OUTPUT
        assert len(caught.value.sentence) < 300
    prepare_folder(tmp_path / 'new "folder" 视频' / "below it")
    assert not list((tmp_path / 'new "folder" 视频' / "below it").iterdir())


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_leaves_the_old_pair_whole(body, clip, tmp_path, monkeypatch, room):
    arrays = assemble(*clip, [recovered(2, 0)], body, "kinematic", [])
    write_result(tmp_path, arrays, body)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    archives = []

    class FullDisk(zipfile.ZipFile):
        def __init__(self, file, mode="r", *arguments, **options):
            super().__init__(file, mode, *arguments, **options)
            archives.extend([file] * (mode == "w"))

        def open(self, name, mode="r", *arguments, **options):
            if mode == "w" and len(archives) > room:
                self.fp.write(b"PK half of it")
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().open(name, mode, *arguments, **options)

    monkeypatch.setattr(zipfile, "ZipFile", FullDisk)
    newer = assemble(*clip, [recovered(5, 3)], body, "kinematic", [])
    with pytest.raises(RecoverError) as caught:
        write_result(tmp_path, newer, body)
    assert caught.value.code is ErrorCode.BAD_OUTPUT
    assert "the disk is full" in caught.value.sentence
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_result_that_cannot_be_replaced_keeps_its_body(body, clip, tmp_path):
    write_result(tmp_path, assemble(*clip, [recovered(2, 0)], body, "kinematic", []), body)
    old = (tmp_path / "body.npz").read_bytes()
    (tmp_path / "result.npz").unlink()
    (tmp_path / "result.npz").mkdir()
    with pytest.raises(RecoverError) as caught:
        write_result(tmp_path, assemble(*clip, [recovered(5, 3)], body, "kinematic", []), body)
    assert caught.value.code is ErrorCode.BAD_OUTPUT
    assert (tmp_path / "body.npz").read_bytes() == old
    assert {path.name for path in tmp_path.iterdir()} == {"result.npz", "body.npz"}


def test_who_stands_on_something_has_a_floor_of_their_own(body, clip):
    low, high = recovered(0, 1), recovered(1, 2)
    high = replace(high, cleaned=high.cleaned.standing_at(0.4))
    arrays = assemble(*clip, [low, high], body, "kinematic", [])
    assert arrays["p1_floor_y"] == 0.4
    assert "p0_floor_y" not in arrays
