import json

import numpy as np

from inference_backend.records.motion import PhysicsReport, TrajectoryReport, WorldMotion
from inference_backend.stages.result.reports import report_arrays

T, FRAMES = 12, np.arange(3, 9)
N = len(FRAMES)


def motion(person):
    eye = np.tile(np.eye(3), (N, 1, 1))
    pose = np.tile(np.eye(3), (N, 21, 1, 1))
    return WorldMotion(
        person, 0, FRAMES, np.ones(N, bool), np.zeros(10), eye, pose, np.zeros((N, 3)), np.ones((N, 22), np.float32)
    )


def test_switched_off_only_the_stages_are_named():
    arrays = report_arrays(T, [motion(4)], [], [])
    assert list(arrays) == ["stages_ran"]
    assert "physics" not in arrays["stages_ran"]
    assert "trajectory" not in arrays["stages_ran"]


def test_reports_count_in_clip_frames():
    rows = np.array([False, True, True, False, False, False])
    path = TrajectoryReport(4, "network", rows, rows.astype(np.float32), 1, 4, 12.34567, 1.1)
    physics = PhysicsReport(4, rows, ((0, 3, ""), (3, 6, "fell")), (4,), 1, (5.0, 1.0), (0.5, 0.1), 1.0, 0.02, 150.0)
    arrays = report_arrays(T, [motion(4)], [path], [physics])
    assert arrays["stages_ran"].tolist() == [
        "frames", "shots", "people", "camera", "estimate", "world", "trajectory", "contacts", "foot_lock", "physics",
    ]  # fmt: skip
    np.testing.assert_array_equal(np.flatnonzero(arrays["p4_regenerated"]), [4, 5])
    np.testing.assert_array_equal(np.flatnonzero(arrays["p4_simulated"]), [4, 5])
    told = json.loads(str(arrays["p4_physics_report"]))
    assert told["segments"] == [
        {"start": 3, "end": 6, "turned_down": ""},
        {"start": 6, "end": 9, "turned_down": "fell"},
    ]
    assert told["falls"] == [7]
    assert told["slip_cm_s"] == [5.0, 1.0]
    told = json.loads(str(arrays["p4_trajectory_report"]))
    assert (told["prior"], told["frames"], told["seeds"]) == ("network", 2, 4)


def test_a_stage_that_had_nothing_to_do_did_not_take_part():
    none = np.zeros(N, bool)
    path = TrajectoryReport(4, "none", none, none.astype(np.float32), 0, 0, 0.0, 1.0)
    physics = PhysicsReport(4, none, (), (), 0, (0.0, 0.0), (0.0, 0.0), 0.0, 0.0, 0.0)
    ran = report_arrays(T, [motion(4)], [path], [physics])["stages_ran"].tolist()
    assert "trajectory" not in ran
    assert "physics" not in ran
