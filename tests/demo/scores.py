"""How far a recovery is from the exact reference beside the sample."""

from pathlib import Path

import numpy as np
from recover_motion.inference_backend.evaluation import metrics
from recover_motion.inference_backend.protocol.result_format import PersonResult, Result

FEET = {"ankle": (7, 8), "ball": (10, 11)}


def main_person(result: Result) -> PersonResult:
    """The one who is seen longest."""
    return max(result.people, key=lambda person: person.valid.sum())


def score(result: Result, reference_file: Path) -> dict[str, float]:
    """Errors of the person who is seen longest, over the frames in which they are.

    Args:
        result: of the whole sample or a part of it.
        reference_file: its exact reference, see the README beside the sample.

    Returns:
        Millimetres, unless the name says otherwise.
    """
    with np.load(reference_file, allow_pickle=False) as file:
        rows = result.frame_index
        seen, truth = file["joints_camera"][rows], file["joints_world"][rows]
        visible, fps = file["visible"][rows], float(file["fps"])
        true_focal = float(file["K"][0, 0])
    person = main_person(result)
    valid = person.valid
    mask = np.repeat(valid[:, None], seen.shape[1], axis=1)
    ours, world = person.joints_camera, person.motion.joints_world
    rooted = metrics.root_aligned_errors(ours, seen, mask, ours[:, 0], seen[:, 0])
    aligned = metrics.procrustes_errors(ours, seen, mask)
    path = np.where(valid[:, None], world[:, 0], np.nan)
    stands = [
        metrics.standing(truth[:, joint], truth[:, joint, 1], fps) & valid[1:] & valid[:-1]
        for joints in FEET.values()
        for joint in joints
    ]
    joints = [joint for joints in FEET.values() for joint in joints]
    rte = metrics.rte_mm(path, truth[:, 0])
    return {
        "frames": int(valid.sum()),
        "MPJPE": metrics.mean_error(rooted),
        "MPJPE, joints in view": metrics.mean_error(rooted, visible),
        "MPJPE, joints hidden by furniture": metrics.mean_error(rooted, ~visible),
        "PA-MPJPE": metrics.mean_error(aligned),
        "PA-MPJPE, joints in view": metrics.mean_error(aligned, visible),
        "PA-MPJPE, joints hidden by furniture": metrics.mean_error(aligned, ~visible),
        "distance from the camera, all joints (no alignment)": metrics.gmpjpe(ours, seen, mask),
        "root path (RTE)": rte,
        "root path, % of its length": rte / 10.0 / metrics.path_length(truth[valid, 0]),
        "foot slide, mm per 1/30 s": metrics.foot_sliding([world[:, joint] for joint in joints], stands, fps),
        "foot slide of the reference": metrics.foot_sliding([truth[:, joint] for joint in joints], stands, fps),
        "jitter, 10 m/s^3": metrics.jitter(world, mask, fps),
        "jitter of the reference": metrics.jitter(truth, mask, fps),
        "focal length found, % of the true one": 100.0 * float(np.median(result.K[:, 0, 0])) / true_focal,
    }
