"""Puts the mocap on the open body: `python -m inference_backend.training.data.prepare --mocap FOLDER --out FOLDER`.

Writes `train.npz`, `val.npz` and `test.npz` (subjects do not overlap) and prints how near the joints are. `--pictures`
draws frames of random clips, source beside result.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import torch

from ...body.body import Body
from ...protocol.errors import RecoverError
from ..counts import count
from ..mocap import MocapClip, read_split
from .archive import write_archive
from .retarget import Motion, Retargeting, broken, joint_table, subject_shape

SPLITS: Final = ("val", "test", "train")
_SHORTEST: Final = 32


def _of_one_figure(clips: Iterator[MocapClip]) -> Iterator[list[MocapClip]]:
    """Clips by subject; one subject's clips of two families have different figures."""
    ordered = sorted(clips, key=lambda clip: (clip.subject, round(clip.leg_length, 4)))
    for _, group in groupby(ordered, key=lambda clip: (clip.subject, round(clip.leg_length, 4))):
        yield list(group)


def _fit(clips: list[MocapClip]) -> list[tuple[MocapClip, Motion]]:
    torch.set_num_threads(1)
    body = Body.load(None, dtype=torch.float64)
    retargeting = Retargeting(body, subject_shape(body, clips))
    return [(clip, retargeting.motion(clip)) for clip in clips if len(clip.midhip) >= _SHORTEST]


def retarget_split(
    mocap: Path, split: str, workers: int = 1, low_rate: bool = False
) -> tuple[list[tuple[MocapClip, Motion]], Counter[str]]:
    """All usable clips of a split with what they became on the body, and why how many were left out.

    Raises:
        RecoverError: the folder has no such packs.
    """
    groups = list(_of_one_figure(read_split(mocap, split, low_rate=low_rate)))
    if workers > 1:
        with get_context("spawn").Pool(workers) as pool:
            fitted = pool.map(_fit, groups, chunksize=1)
    else:
        fitted = [_fit(group) for group in groups]
    kept, left_out = [], Counter()
    for clip, motion in (pair for pairs in fitted for pair in pairs):
        reason = broken(motion)
        if reason is None:
            kept.append((clip, motion))
        else:
            left_out[reason] += 1
    return kept, left_out


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m inference_backend.training.data.prepare", description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the motion packs cmu_*.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the prepared motion")
    parser.add_argument("--splits", nargs="*", choices=SPLITS, default=SPLITS)
    parser.add_argument("--low-rate", action="store_true", help="also the packs whose source has 12 keys a second")
    parser.add_argument("--workers", type=count, default=1, help="processes")
    parser.add_argument("--pictures", type=Path, help="folder for drawn frames (needs matplotlib)")
    arguments = parser.parse_args(argv)
    body = Body.load(None)
    try:
        for split in arguments.splits:
            pairs, left_out = retarget_split(arguments.mocap, split, arguments.workers, arguments.low_rate)
            motions = [motion for _, motion in pairs]
            path = arguments.out / f"{split}.npz"
            write_archive(path, motions, body.sha256)
            frames = sum(len(m.pelvis) for m in motions)
            print(
                f"{split}: {len(motions)} clips of {len({m.subject for m in motions})} subjects, {frames / 1800:.1f} "
                f"minutes, {path.stat().st_size / 1e6:.1f} MB; left out: {dict(left_out) or 'none'}"
            )
            print("  joints, mm: " + ", ".join(f"{k} {v:.0f}" for k, v in joint_table(motions).items()))
            lowest = np.concatenate([m.lowest for m in motions if not m.uneven])
            low, middle, high = 1000 * np.quantile(lowest, [0.01, 0.5, 0.9])
            print(
                f"  lowest sole point, mm: 1 % below {low:.0f}, median {middle:.0f}, 90 % below {high:.0f}", flush=True
            )
            if arguments.pictures is not None:
                from .pictures import draw_motions

                draw_motions(pairs, body, arguments.pictures / f"{split}.png")
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
