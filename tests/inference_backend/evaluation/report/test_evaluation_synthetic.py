import numpy as np

from inference_backend.evaluation.report.synthetic_scores import SyntheticSet, estimator_unit, pipeline_unit
from inference_backend.evaluation.report.ways import estimator_ways, stage_ways
from inference_backend.evaluation.synthetic.compare import truth_of
from inference_backend.pipeline.cache import StageCache


def test_estimators_alone_and_with_the_stages_after_them(shared, tmp_path):
    clips = SyntheticSet(shared / "mocap", "val", 1, 48)
    base = estimator_ways()[0]
    alone = estimator_unit(base, clips).work()
    assert 5 < alone["clear"]["MPJPE"] < alone["occluded"]["MPJPE"] < 300
    locked = stage_ways(base)[1]
    whole = pipeline_unit(locked, clips, tmp_path, StageCache(tmp_path / "cache")).work()
    # Placing in the world keeps the pose; the foot lock changes it a little and makes feet stand.
    assert abs(whole["clear, raw"]["PA-MPJPE"] - alone["clear"]["PA-MPJPE"]) < 5
    assert abs(whole["clear"]["PA-MPJPE"] - alone["clear"]["PA-MPJPE"]) < 15
    assert whole["clear"]["Sliding"] < whole["clear, raw"]["Sliding"]
    assert pipeline_unit(locked, clips, tmp_path, StageCache(tmp_path)).key != estimator_unit(base, clips).key


def test_hidden_joints_are_those_of_hidden_landmarks(shared):
    clips = SyntheticSet(shared / "mocap", "val", 1, 48)
    (kind, clear), (other, occluded) = clips.clips
    assert (kind, other) == ("clear", "occluded")
    assert np.array_equal(clear.pelvis, occluded.pelvis)
    shown = [truth_of(clip, clips.body).shown.mean() for clip in (clear, occluded)]
    assert shown[1] < shown[0]
