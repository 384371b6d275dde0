from pathlib import Path

import numpy as np
import pytest

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.training.mocap import MocapPack, read_split


@pytest.mark.parametrize("family", ["daz", "asf"])
def test_entries_are_rotations_of_people_who_stand_on_a_floor(shared: Path, family: str):
    pack = MocapPack(shared / "mocap" / f"cmu_{family}_val.npz")
    clip = pack.clip(3)
    assert clip.rotations.shape == (pack.frames(3), 22, 3, 3)
    assert np.allclose(clip.rotations @ np.swapaxes(clip.rotations, -1, -2), np.eye(3), atol=1e-9)
    assert 0.7 < clip.leg_length < 1.0
    assert 0.4 < np.median(clip.midhip[:, 1]) < 1.1


def test_motion_is_continuous(shared: Path):
    clip = MocapPack(shared / "mocap" / "cmu_asf_test.npz").clip(0)
    relative = np.swapaxes(clip.rotations[:-1], -1, -2) @ clip.rotations[1:]
    cosine = 0.5 * (np.trace(relative, axis1=-2, axis2=-1) - 1)
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 60


def test_a_split_is_read_whole(shared: Path):
    subjects = {clip.subject for clip in read_split(shared / "mocap", "test")}
    assert len(subjects) > 5
    assert 5 not in subjects


def test_nobody_is_in_two_splits(shared: Path):
    subjects = {}
    for path in (shared / "mocap").glob("cmu_*.npz"):
        with np.load(path, allow_pickle=False) as pack:
            subjects.setdefault(path.stem.rsplit("_", 1)[1], set()).update(pack["subject"].tolist())
    assert set(subjects) == {"train", "val", "test"}
    assert sum(map(len, subjects.values())) == len(set().union(*subjects.values()))


def test_a_folder_without_packs_is_refused(tmp_path: Path):
    with pytest.raises(RecoverError) as caught:
        list(read_split(tmp_path, "train"))
    assert caught.value.code == ErrorCode.BAD_INPUT


def test_a_file_that_is_no_pack_is_refused(tmp_path: Path):
    np.savez(tmp_path / "cmu_x_val.npz", a=np.zeros(3))
    with pytest.raises(RecoverError) as caught:
        MocapPack(tmp_path / "cmu_x_val.npz")
    assert caught.value.code == ErrorCode.BAD_INPUT
