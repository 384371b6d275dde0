"""What regenerating paths is worth: `python -m inference_backend.evaluation.trajectory --mocap FOLDER --out FOLDER`.

Motions of held-back subjects before virtual cameras, through the product's own stages: clear, partly occluded, out of
sight for a while, and before a hand-held camera that walks along. The estimator and its weights are the default ones,
or those of `--settings`.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...body.body import Body
from ...pipeline.cache import StageCache
from ...pipeline.identity import file_sha256
from ...pipeline.settings import RecoverSettings
from ...protocol.errors import RecoverError
from ...stages.estimate.kinematic.landmarks import figure_of
from ...stages.foot_lock.settings import FootLockSettings
from ...stages.physics.settings import PhysicsSettings
from ...stages.trajectory.settings import TrajectorySettings
from ...training.counts import count
from ...training.mocap import MocapClip
from ..metrics import align
from ..protocols import Pair, moro, wham
from ..synthetic.clips import SyntheticClip, make_clip
from ..synthetic.compare import OCCLUDED, held_back_motions
from ..synthetic.corruption import Corruption
from ..synthetic.whole_pipeline import clip_sources, pair_of_result, recover_synthetic
from ..tables import named_rows
from .following import follow

KINDS: Final = ("clear", "occluded", "out of sight", "carried")
_AWAY: Final = (80, 140)
"""Frames in which nobody is seen."""
_WORLD: Final = ("W-MPJPE", "WA-MPJPE", "W-MPJPE-rigid", "WA-MPJPE-rigid", "RTE")
_COLUMNS: Final = (*_WORLD, "path", "hidden", "MPJPE", "Sliding", "Jitter")


@dataclass(frozen=True)
class _Case:
    clip: SyntheticClip
    world: np.ndarray | None
    away: np.ndarray


def _cases(kind: str, motions: list[MocapClip], frames: int, body: Body) -> Iterator[_Case]:
    figure = figure_of(body)
    for i, motion in enumerate(motions):
        nobody = np.zeros(frames, bool)
        if kind == "carried":
            followed = follow(motion, figure, frames=frames, seed=i, corruption=Corruption())
            yield _Case(followed.clip, followed.joints_world, nobody)
            continue
        corruption = OCCLUDED if kind == "occluded" else Corruption()
        clip = make_clip(motion, figure, frames=frames, seed=i, corruption=corruption)
        if kind == "out of sight":
            nobody[_AWAY[0] : _AWAY[1]] = True
            track = clip.track
            hidden = {
                name: np.where(nobody.reshape(-1, *[1] * (values.ndim - 1)), empty, values).astype(values.dtype)
                for name, empty in (("keypoints", np.nan), ("keypoints_world", np.nan), ("visibility", 0))
                for values in (getattr(track, name),)
            }
            clip = replace(clip, track=replace(track, seen=track.seen & ~nobody, **hidden))
        yield _Case(clip, None, nobody)


def _ways(weights: str | None, base: RecoverSettings) -> dict[str, RecoverSettings]:
    def way(
        trigger: str, lock: bool = True, physics: str = "never", steps: int = 0, guide: bool = False
    ) -> RecoverSettings:
        return replace(
            base,
            trajectory=TrajectorySettings(trigger=trigger, weights=weights, steps=steps, guide=guide),
            foot_lock=FootLockSettings() if lock else FootLockSettings(strength=0.0),
            physics=PhysicsSettings(mode=physics),
        )

    return {
        "never": way("never"),
        "carried": way("carried"),
        "auto": way("auto"),
        "always": way("always"),
        "always, guided": way("always", guide=True),
        "always, 100 steps": way("always", steps=100),
        "never, no lock": way("never", lock=False),
        "always, no lock": way("always", lock=False),
        "carried, no lock": way("carried", lock=False),
        "never, physics auto": way("never", physics="auto"),
        "auto, physics auto": way("auto", physics="auto"),
    }


def _scores(pairs: list[Pair], paths: list[np.ndarray], away: list[np.ndarray]) -> dict[str, float]:
    """The protocols' figures; `path` and `hidden`: the pelvis' distance in mm after a rigid fit where somebody is seen,
    there and where nobody is.
    """
    seen, unseen = [], []
    for pair, found, gap in zip(pairs, paths, away, strict=True):
        true = pair.ref_world[:, 0]
        off = 1000 * np.linalg.norm(align(found[~gap], true[~gap], scale=False)(found) - true, axis=1)
        seen.append(off[~gap])
        unseen.append(off[gap])
    hidden = np.concatenate(unseen)
    world = wham(pairs)
    return (
        {name: moro(pairs)[name] for name in ("MPJPE", "Jitter", "Sliding")}
        | {name: world[name] for name in _WORLD}
        | {"path": float(np.concatenate(seen).mean()), "hidden": float(hidden.mean()) if len(hidden) else np.nan}
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"that is no JSON ({error}); write it like '{{\"world\": {{}}}}'") from error


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    ways = _ways(None, RecoverSettings())
    parser = argparse.ArgumentParser(prog="python -m inference_backend.evaluation.trajectory", description=__doc__)
    parser.add_argument("--mocap", type=Path, required=True, help="folder with the motion packs")
    parser.add_argument("--out", type=Path, required=True, help="folder for scores.json and what stages leave")
    parser.add_argument("--weights", type=Path, help="of the denoiser; the bundled ones by default")
    parser.add_argument("--settings", type=_json, default={}, help="of all other stages, JSON as for recover")
    parser.add_argument("--clips", type=count, default=8, help="motions; each is seen in every kind of clip")
    parser.add_argument("--frames", type=count, default=240)
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=f"of clips: {_quoted(KINDS)}"
    )
    parser.add_argument(
        "--ways", nargs="+", choices=list(ways), default=list(ways), metavar="WAY", help=f"of: {_quoted(ways)}"
    )
    parser.add_argument("--split", choices=("val", "test"), default="val")
    arguments = parser.parse_args(argv)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    try:
        base = RecoverSettings.from_json(arguments.settings)
        ways = _ways(None if arguments.weights is None else str(arguments.weights), base)
        body = Body.load(None)
        motions = held_back_motions(arguments.mocap, arguments.split, arguments.clips, arguments.frames)
        sources = clip_sources(arguments.mocap, arguments.split)
        sources["following.py"] = file_sha256(Path(__file__).with_name("following.py"))
        cache = StageCache(arguments.out / "cache")
        for kind in arguments.kinds:
            cases = list(_cases(kind, motions, arguments.frames, body))
            scores[kind] = {}
            for name in arguments.ways:
                pairs, paths = [], []
                for i, case in enumerate(cases):
                    recipe = {"kind": kind, "clip": case.clip.name, "frames": arguments.frames, "seed": i}
                    recipe["files"] = sources
                    folder = arguments.out / kind.replace(" ", "_")
                    result = recover_synthetic(case.clip, recipe, ways[name], folder, cache)
                    pair = pair_of_result(case.clip, result, body)
                    if case.world is not None:
                        pair = replace(pair, ref_world=case.world, ref_feet=None)
                    pairs.append(pair)
                    paths.append(result.people[0].motion.joints_world[:, 0].astype(np.float64))
                scores[kind][name] = _scores(pairs, paths, [case.away for case in cases])
            print("\n" + named_rows(kind, _COLUMNS, scores[kind]), flush=True)
    except RecoverError as error:
        print(error, file=sys.stderr)
        return 1
    (arguments.out / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
