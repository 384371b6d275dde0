"""Compute the bundled trajectory statistics from packs of CMU motion capture.

    python -m inference_backend.training.measure_statistics FOLDER_WITH_PACKS

As the authors did with AMASS: non-overlapping clips of 60 frames at 30 frames a second, the padded last frame included,
population deviation. Body orientation is the pelvis', position the pelvis joint of the open body.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ..body.body import Body
from ..models.moro.files.statistics_file import BUNDLED
from ..models.moro.motion.trajectory import canonical_steps
from .mocap import MocapClip, read_split

CLIP_FRAMES: Final = 60
_ANKLE, _KNEE, _HIP = 7, 4, 1


def pelvis_trajectory(clip: MocapClip, rest_joints: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
    """Pelvis orientation `[T,3,3]` and position `[T,3]` (metres) of a clip on a body with the given rest joints."""
    bones = rest_joints[[_HIP, _KNEE, _ANKLE]]
    leg = np.linalg.norm(np.diff(bones, axis=0), axis=1).sum()
    from_hips = rest_joints[0] - rest_joints[1:3].mean(0)
    rotation = clip.rotations[:, 0]
    return rotation, clip.midhip * (leg / clip.leg_length) + rotation @ from_hips


def clip_steps(clips: Iterable[MocapClip], rest_joints: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Canonical steps `[60,9]` of every whole 60-frame clip."""
    for clip in clips:
        rotation, position = pelvis_trajectory(clip, rest_joints)
        for start in range(0, len(rotation) - CLIP_FRAMES + 1, CLIP_FRAMES):
            span = slice(start, start + CLIP_FRAMES)
            yield canonical_steps(
                torch.from_numpy(rotation[span])[None], torch.from_numpy(position[span])[None, :, None]
            )[0].numpy()


def main() -> None:
    """Command line: measure, write the bundled file."""
    parser = argparse.ArgumentParser(description="Compute the bundled trajectory statistics.")
    parser.add_argument("packs", type=Path, help="folder with cmu_*_train.npz")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    options = parser.parse_args()
    rest = Body.load(None).rest_joints(torch.zeros(1, 10))[0].double().numpy()
    steps = np.stack(list(clip_steps(read_split(options.packs, "train"), rest)))
    content = {
        "mean": steps.mean((0, 1)).tolist(),
        "std": steps.std((0, 1)).tolist(),
        "channels": "6-D rotation of the step (rows), displacement in the earlier frame's pelvis axes, metres",
        "clips": len(steps),
        "frames_per_clip": CLIP_FRAMES,
        "fps": 30,
        "provenance": "Computed by this project from CMU motion capture (mocap.cs.cmu.edu) on the open body; not the "
        "statistics of AMASS that the released checkpoint was trained with.",
    }
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
