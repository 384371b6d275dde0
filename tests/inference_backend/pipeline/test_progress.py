import pytest

from inference_backend.pipeline.progress import STAGE_SHARES, JobProgress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def begin():
    said, clock = [], Clock()
    return JobProgress("a", said.append, clock), said, clock


def test_the_bar_never_falls_and_ends_full():
    progress, said, clock = begin()
    for stage in STAGE_SHARES:
        report = progress.stage(stage)
        for fraction in (0.1, 0.5, 0.3, 0.5, 1.0):
            clock.now += 1
            report(fraction, 10)
    overall = [message.overall for message in said]
    assert overall == sorted(overall)
    assert overall[-1] == pytest.approx(1.0)
    assert all(0 <= message.fraction <= 1 for message in said)


def test_speed_and_time_left_follow_the_clock():
    progress, said, clock = begin()
    for stage in ("frames", "shots"):
        progress.reused(stage)
    report = progress.stage("people")
    clock.now = 10.0
    report(0.5, 200)
    assert said[-1].frames_per_second == pytest.approx(20.0)
    total = sum(STAGE_SHARES.values())
    share = STAGE_SHARES["people"] / total
    done = (STAGE_SHARES["frames"] + STAGE_SHARES["shots"]) / total + share / 2
    # Reused stages took no time, so they must not make the rest look quick.
    assert said[-1].seconds_left == pytest.approx((1 - done) * 10.0 / (share / 2))


def test_people_share_a_stage():
    progress, said, _clock = begin()
    progress.stage("estimate", 0.0, 0.25)(1.0, 5)
    assert said[-1].fraction == pytest.approx(0.25)
    progress.reused("estimate", 0.5)
    report = progress.stage("estimate", 0.5, 1.0)
    assert said[-1].fraction == pytest.approx(0.5)
    report(0.5, 5)
    report(1.0, 5)
    assert said[-1].fraction == pytest.approx(1.0)


def test_a_chatty_stage_is_not_repeated_word_by_word():
    progress, said, clock = begin()
    report = progress.stage("people")
    for i in range(1000):
        clock.now += 0.001
        report(i / 1000, i)
    assert len(said) < 10
