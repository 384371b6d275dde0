from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pytest

from inference_backend.records.camera import Camera, WorldFrame
from inference_backend.records.motion import Contacts
from inference_backend.records.people import PersonTrack
from inference_backend.records.store import DamagedRecord, load_record, save_record, write_npz
from inference_backend.records.video import Video


def track(person=0, N=5):
    rng = np.random.default_rng(person)
    return PersonTrack(
        person_id=person,
        shot=0,
        frames=np.arange(N),
        seen=np.arange(N) % 2 == 0,
        box=rng.random((N, 4), np.float32),
        keypoints=np.full((N, 33, 2), np.nan, np.float32),
        visibility=rng.random((N, 33), np.float32),
        keypoints_world=rng.random((N, 33, 3), np.float32),
        mask=rng.integers(0, 256, (N, 64, 6)).astype(np.uint8),
    )


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    return type(a) is type(b) and a == b


VALUES = [
    None,
    [track(0), track(1)],
    [],
    Video(
        Path("/a b/片.mp4"), 29.97, (4, 3), np.arange(3.0), np.arange(3), True, (Path("x/1.png"), Path("x/2.png")), 1e3
    ),
    (
        WorldFrame(np.zeros((2, 3, 3)), np.ones((2, 3)), (True, False), ("feet", "level")),
        [Contacts(1, np.ones((2, 4), bool))],
    ),
    Camera(np.zeros((0, 3, 3)), np.zeros(5), ()),
    {"value": {"array": "a0", "record": 3}, "notes": ["a", "ü"]},
    np.array(3.0),
    float("nan"),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_is_saved_is_loaded(tmp_path, value):
    path = tmp_path / "record.npz"
    save_record(path, value)
    back = load_record(path)
    assert same(value, back) or (value != value and back != back)
    assert list(tmp_path.iterdir()) == [path]


def test_every_way_of_cutting_a_file_short_is_noticed(tmp_path):
    path = tmp_path / "record.npz"
    save_record(path, [track()])
    whole = path.read_bytes()
    for length in [0, 1, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedRecord):
            load_record(path)


def test_flipped_bytes_never_come_back_as_data(tmp_path):
    path = tmp_path / "record.npz"
    save_record(path, [track()])
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 60):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            back = load_record(path)
        except DamagedRecord:
            continue
        assert same(back, [track()])  # a byte that says nothing, such as a date


@pytest.mark.parametrize(
    "text", [b"{}", b'{"record": "Popen", "fields": {}}', b'{"record": "Contacts", "fields": {}}', b"\xff"]
)
def test_only_whole_records_of_ours_are_built(tmp_path, text):
    path = tmp_path / "record.npz"
    write_npz(path, {"record": np.frombuffer(text, np.uint8)})
    with pytest.raises(DamagedRecord):
        load_record(path)


def test_pickles_are_neither_written_nor_read(tmp_path):
    with pytest.raises(TypeError):
        save_record(tmp_path / "a.npz", {"x": np.array([object()])})
    np.savez(tmp_path / "b.npz", record=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DamagedRecord):
        load_record(tmp_path / "b.npz")


def test_what_has_no_place_in_a_record_is_refused(tmp_path):
    @dataclass
    class Stranger:
        x: int = 0

    for value in (Stranger(), {1: 2}, {"a": {3}}):
        with pytest.raises(TypeError):
            save_record(tmp_path / "a.npz", value)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "record.npz"
    save_record(path, [1])
    with pytest.raises(TypeError):
        save_record(path, [object()])
    assert load_record(path) == [1]
    assert list(tmp_path.iterdir()) == [path]
