from dataclasses import replace

import numpy as np
import pytest

from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.records.context import StageContext
from inference_backend.records.motion import Contacts
from inference_backend.stages.contacts.detect import drop_short, floor_height, hysteresis
from inference_backend.stages.contacts.settings import ContactSettings
from inference_backend.stages.contacts.stage import apply_spans, check_edits, find_contacts


def mask(text):
    return np.array([c == "x" for c in text])


def test_hysteresis_keeps_only_runs_that_start():
    start = mask("..x.......x..")
    keep = mask(".xxx..xx..xx.")
    np.testing.assert_array_equal(hysteresis(start, keep), mask(".xxx......xx."))


def test_short_runs_are_measured_in_seconds():
    runs = mask(".xx...xxxx.")
    np.testing.assert_array_equal(drop_short(runs, np.arange(11) / 30, 0.1), mask("......xxxx."))
    np.testing.assert_array_equal(drop_short(runs, np.arange(11) / 10, 0.1), runs)


def scores(found, truth):
    return (found & truth).sum() / truth.sum(), (found & truth).sum() / max(found.sum(), 1)


@pytest.mark.parametrize("fps", [12.0, 25.0, 30.0, 60.0])
def test_walking_feet(studio, fps):
    walk = studio.walk(fps=fps)
    found = find_contacts(walk.video, walk.motion, studio.body, ContactSettings(), StageContext()).contact
    recall, precision = scores(found, walk.contact)
    assert recall > 0.95
    assert precision > 0.85
    assert not found[~walk.contact & (walk.points()[..., 1] > 0.09)].any()


@pytest.mark.parametrize("offset", [-0.07, 0.07])
def test_an_offset_of_the_floor_is_seen_through(studio, offset):
    walk = studio.walk()
    high = replace(walk.motion, transl=walk.motion.transl + np.array([0, offset, 0]))
    found = find_contacts(walk.video, high, studio.body, ContactSettings(), StageContext()).contact
    recall, precision = scores(found, walk.contact)
    assert recall > 0.95
    assert precision > 0.85


def test_a_foot_far_over_the_floor_does_not_stand(studio):
    walk = studio.walk(speed=0)
    high = replace(walk.motion, transl=walk.motion.transl + np.array([0, 0.4, 0]))
    assert not find_contacts(walk.video, high, studio.body, ContactSettings(), StageContext()).contact.any()


def test_jitter_is_not_a_step(studio):
    walk = studio.walk(speed=0)
    shake = 0.01 * np.random.default_rng(0).normal(size=walk.motion.transl.shape)
    found = find_contacts(
        walk.video,
        replace(walk.motion, transl=walk.motion.transl + shake),
        studio.body,
        ContactSettings(),
        StageContext(),
    ).contact
    assert found.mean() > 0.98


@pytest.mark.parametrize("height", [0.15, 0.4])
def test_nobody_stands_in_a_jump(studio, height):
    walk = studio.walk(speed=0, seconds=3, jump=height)
    found = find_contacts(walk.video, walk.motion, studio.body, ContactSettings(), StageContext()).contact
    low = walk.points()[..., 1].min(1)
    assert not found[low > 0.08].any()
    assert found[low < 1e-3].mean() > 0.85


def test_invalid_frames_and_short_clips(studio):
    walk = studio.walk(speed=0)
    half = replace(walk.motion, valid=np.arange(len(walk.motion.frames)) < 60)
    found = find_contacts(walk.video, half, studio.body, ContactSettings(), StageContext()).contact
    assert found[:60].all()
    assert not found[60:].any()
    for count in (1, 2, 3):
        few = studio.shorter(walk.motion, count)
        assert find_contacts(walk.video, few, studio.body, ContactSettings(), StageContext()).contact.all()


def test_the_baseline_follows_a_sinking_floor():
    time = np.arange(300) / 30
    sink = -0.01 * time
    floor = floor_height(sink, np.ones(300, bool), time, 0.2)
    np.testing.assert_allclose(floor, sink, atol=0.005)
    assert not floor_height(sink, np.zeros(300, bool), time, 0.2).any()


def test_edits_are_checked(studio):
    motion = studio.shorter(studio.walk().motion, 5)
    good = np.zeros((5, 4), np.uint8)
    good[2, 1] = 1
    taken = check_edits(good, motion).contact
    assert taken.dtype == bool
    assert taken.sum() == 1
    for bad in (np.zeros((4, 4), bool), np.zeros((5, 3), bool), np.full((5, 4), 2), np.zeros((5, 4), float)):
        with pytest.raises(RecoverError) as caught:
            check_edits(bad, motion)
        assert caught.value.code == ErrorCode.BAD_SETTING
        assert "person 0" in caught.value.sentence


def test_spans_overrule_found_contacts():
    found = Contacts(3, np.zeros((10, 4), bool))
    edited = apply_spans(found, [("left_toe", 2, 8, True), ("left_toe", 4, 5, False)]).contact
    assert edited[:, 1].tolist() == [False, False, True, True, False, True, True, True, False, False]
    assert not found.contact.any()
    for span in (
        ("left_knee", 0, 1, True),
        ("left_toe", 5, 5, True),
        ("left_toe", -1, 3, True),
        ("left_toe", 0, 11, True),
    ):
        with pytest.raises(RecoverError):
            apply_spans(found, [span])


@pytest.mark.parametrize("wrong", [{"height_m": -1}, {"min_gap_s": float("nan")}])
def test_settings_are_checked(wrong):
    with pytest.raises(RecoverError) as caught:
        ContactSettings(**wrong)
    assert caught.value.code == ErrorCode.BAD_SETTING
