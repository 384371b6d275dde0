import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from inference_backend.pipeline.cache import StageCache, default_folder, key_of


@dataclass(frozen=True)
class Settings:
    speed: float = 1.0
    name: str | None = None


BASE = ("people", 1, Settings(), ["a", "b"], "w")


@pytest.mark.parametrize(
    ("place", "other"),
    [(0, "shots"), (1, 2), (2, Settings(1.1)), (3, ["b", "a"]), (3, ["ab"]), (3, ["a", "b", ""]), (4, "v")],
)
def test_the_key_changes_with_everything_it_depends_on(place, other):
    changed = list(BASE)
    changed[place] = other
    assert key_of(*BASE) == key_of("people", 1, Settings(), ["a", "b"], "w")
    assert key_of(*changed) != key_of(*BASE)


def test_what_was_saved_is_found_under_its_key_only(tmp_path):
    cache = StageCache(tmp_path / "cache")
    assert cache.load("people", "k") is None
    assert cache.save("people", "k", {"x": np.arange(3)})
    np.testing.assert_array_equal(StageCache(tmp_path / "cache").load("people", "k")["x"], np.arange(3))
    assert cache.load("people", "l") is None
    assert cache.load("shots", "k") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04half", None])
def test_a_damaged_entry_is_ignored_and_replaced(tmp_path, content):
    cache = StageCache(tmp_path)
    cache.save("people", "k", {"x": 1})
    (entry,) = (tmp_path / "people").iterdir()
    entry.write_bytes(entry.read_bytes()[:-40] if content is None else content)
    assert cache.load("people", "k") is None
    assert cache.save("people", "k", {"x": 2})
    assert cache.load("people", "k") == {"x": 2}


def aged(path, seconds):
    stamp = time.time() - seconds
    os.utime(path, (stamp, stamp))


def test_the_least_recently_used_go_when_room_is_short(tmp_path):
    block = {"x": np.zeros(10_000)}  # 80 kB
    first = StageCache(tmp_path)
    for i in range(4):
        first.save("people", f"k{i}", block)
        aged(tmp_path / "people" / f"k{i}.npz", 1000 - i)
    later = StageCache(tmp_path, limit_bytes=300_000)
    assert later.load("people", "k0") is not None
    later.save("people", "new", block)
    left = {path.stem for path in (tmp_path / "people").iterdir()}
    assert left == {"k0", "k3", "new"}


def test_the_running_job_never_loses_its_own_entries(tmp_path):
    cache = StageCache(tmp_path, limit_bytes=1)
    for i in range(3):
        cache.save("people", f"k{i}", {"x": np.zeros(1000)})
    assert all(cache.load("people", f"k{i}") is not None for i in range(3))


def test_what_a_killed_process_left_is_swept_away_in_the_end(tmp_path):
    (tmp_path / "people").mkdir()
    old, young = tmp_path / "people" / ".1-a.part", tmp_path / "people" / ".2-b.part"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    aged(old, 100_000)
    StageCache(tmp_path).save("shots", "k", 1)
    assert not old.exists()
    assert young.exists()


def test_a_folder_that_cannot_be_used_is_no_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cache = StageCache(tmp_path / "file" / "cache")
    assert cache.load("people", "k") is None
    assert cache.save("people", "k", 1) is False


def test_the_environment_may_choose_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("RECOVER_MOTION_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("RECOVER_MOTION_CACHE")
    assert default_folder().name in ("recover-motion", "cache")
