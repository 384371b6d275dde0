import numpy as np

from inference_backend.evaluation import metrics
from inference_backend.evaluation.report.mediapipe import mediapipe_joints
from inference_backend.protocol.skeleton import BODY_JOINTS
from tests.benchmarks.looped_clip import SAMPLE, write_looped


def test_its_landmarks_lie_about_where_the_person_is(tmp_path):
    write_looped(tmp_path / "clip.mp4", 8)
    with np.load(SAMPLE.with_name("reference.npz")) as file:
        truth, K = file["joints_camera"][:8].astype(np.float64), file["K"].astype(np.float64)
    joints = mediapipe_joints(tmp_path / "clip.mp4", K, np.zeros(5))
    assert joints.shape == (8, 22, 3)
    limbs = [i for i, name in enumerate(BODY_JOINTS) if name.split("_")[-1] in ("hip", "knee", "ankle", "shoulder")]
    found, true = joints[:, limbs], truth[:, limbs]
    assert metrics.pa_mpjpe(found, true, np.ones(found.shape[:2], bool)) < 100
    assert np.linalg.norm(joints[:, 0] - truth[:, 0], axis=-1).mean() < 0.8
    assert np.isnan(joints[:, BODY_JOINTS.index("spine1")]).all()
