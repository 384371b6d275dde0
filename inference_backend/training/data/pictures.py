"""Pictures of retargeted motion, to be looked at: source skeleton and body, from the front and from the side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from ...body.body import Body
from ...protocol.skeleton import BODY_PARENTS
from ..mocap import MocapClip
from .retarget import Motion

_COLUMNS: Final = 6
_VERTEX_STEP: Final = 6


def draw_motions(pairs: Sequence[tuple[MocapClip, Motion]], body: Body, path: Path, seed: int = 0) -> None:
    """Draw a random frame of some clips: the body's vertices (grey, feet dark) and the source's skeleton (red), scaled
    to the body's leg length and put on the body's hips.

    Args:
        pairs: clips and what they became.
        body: the body, float32.
        path: picture to write.
        seed: of the choice.
    """
    from matplotlib.figure import Figure as Canvas

    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(pairs), min(_COLUMNS, len(pairs)), replace=False)
    canvas = Canvas(figsize=(2.6 * len(chosen), 6), dpi=80)
    axes = canvas.subplots(2, len(chosen), squeeze=False)
    for column, i in enumerate(chosen):
        clip, motion = pairs[i]
        frame = int(rng.integers(len(motion.pelvis)))
        vertices, source = _placed(clip, motion, body, frame)
        for row, (across, toward) in enumerate(((0, 1), (2, -1))):
            plot = axes[row, column]
            plot.scatter(toward * vertices[:, across], vertices[:, 1], s=0.3, c="0.6")
            for j, parent in enumerate(BODY_PARENTS):
                if parent >= 0 and np.isfinite(source[[j, parent]]).all():
                    plot.plot(toward * source[[j, parent], across], source[[j, parent], 1], "r-", lw=1.2)
            plot.axhline(0, color="k", lw=0.5)
            plot.set_aspect("equal")
            plot.set_axis_off()
        axes[0, column].set_title(f"{clip.name} {frame}", fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path)


def _placed(clip: MocapClip, motion: Motion, body: Body, frame: int) -> tuple[NDArray, NDArray]:
    betas, rotations, pelvis = (
        torch.from_numpy(x).float() for x in (motion.betas, motion.rotations[frame], motion.pelvis[frame])
    )
    rest = body.rest_joints(betas)
    posed = body(betas, rotations[0], rotations[1:], pelvis - rest[0])
    leg = float((rest[1] - rest[4]).norm() + (rest[4] - rest[7]).norm())
    source = clip.joints[frame] * leg / clip.leg_length
    hips = posed.joints[1:3].mean(0).numpy()
    source = source + hips - source[1:3].mean(0)
    middle = np.array([hips[0], 0.0, hips[2]])
    return posed.vertices[::_VERTEX_STEP].numpy() - middle, source - middle
