"""`result.npz` -> the records that the scene builder works on."""

from pathlib import Path

import numpy as np

from ..core.pose import PersonMotion
from .camera import View
from .person import PersonResult
from .scene import Recovery


def read_recovery(path: Path) -> Recovery:
    """Read `result.npz`."""
    with np.load(path, allow_pickle=False) as f:

        def motion(prefix: str) -> PersonMotion:
            return PersonMotion(
                **{
                    name: f[f"{prefix}{name}"].astype(np.float64)
                    for name in ("global_orient", "body_pose", "left_hand_pose", "right_hand_pose", "transl")
                }
            )

        people = tuple(
            PersonResult(
                int(i), f[f"p{i}_valid"].astype(bool), motion(f"p{i}_"), motion(f"p{i}_raw_"), f[f"p{i}_confidence"]
            )
            for i in f["person_ids"]
        )
        view = View(
            f["K"],
            tuple(int(n) for n in f["size_wh"]),
            f["R_cam_to_world"],
            f["cam_pos_world"],
            f["time_s"],
            float(f["fps"]),
        )
        return Recovery(view, f["frame_index"], f["shot_id"], float(f["floor_y"]), people)
