"""How the simulated body does on made motions: `python -m inference_backend.evaluation.physics`."""

import argparse
import time

import numpy as np

from ...body.body import Body
from ...stages.physics.humanoid import Humanoid, make_humanoid
from ...stages.physics.measures import foot_faults, joint_deviation
from ...stages.physics.settings import PhysicsSettings
from ...stages.physics.simulate import simulate
from ...stages.physics.tracking import Assist
from . import gaits

SECONDS = 8.0
SOFT = Assist(force_n=200.0, strength=0.5, trunk=1200.0)
"""Gains of the table's first two rows: half of the usual ones, 600 N m/rad in the trunk."""


def run(humanoid: Humanoid, gait: gaits.Gait, assist: Assist, *, labelled: bool, step_hz: float = 450.0) -> dict:
    """Simulate a gait and measure it before and after.

    Args:
        humanoid: the body.
        gait: the reference, as it is.
        assist: gains.
        labelled: count the feet that stand by their labels, not those that are low.
        step_hz: steps a second.
    """
    # The reference is not smoothed, so that the table shows what tracking alone does to noise.
    settings = PhysicsSettings(mode="always", smoothing_s=0.0, step_hz=step_hz)
    began = time.process_time()
    done = simulate(gait.motion, gait.time_s, humanoid, settings, lambda *_: None, assist)
    ms = 1000 * (time.process_time() - began) / len(gait.time_s)
    rows: dict = {"fell": len(done.tracked.fell), "ms": ms, "assist": float(done.tracked.assist_n.mean())}
    count = humanoid.soles.points.shape[1]
    contact = np.repeat(gait.contact[:, [0, 2]], count, axis=1) if labelled else None
    for name, motion in (("before", gait.motion), ("after", done.motion)):
        points = humanoid.soles.of_motion(motion).reshape(len(gait.time_s), -1, 3)
        faults = foot_faults(points, gait.time_s, contact)
        rows[name] = (faults.mean_slip(), faults.penetration.max(), faults.hover.max())
    rows["joints"] = float(joint_deviation(gait.motion.body_pose, done.motion.body_pose).mean())
    rows["pelvis"] = 100 * float(np.linalg.norm(done.motion.transl - gait.motion.transl, axis=1).mean())
    return rows


def main(argv: list[str] | None = None) -> None:
    """Print the table."""
    argparse.ArgumentParser(prog="python -m inference_backend.evaluation.physics", description=__doc__).parse_args(argv)
    body = Body.load()
    humanoid = make_humanoid(body, np.zeros(10))
    soles = humanoid.soles
    walk = gaits.walk(soles, SECONDS)
    long = gaits.disturbed(walk, 3, joints_rad=0.01, stretch=1.1)
    cases = {
        "squat": (gaits.disturbed(gaits.squat(soles, SECONDS), 1), SOFT, False),
        "stepping in place": (gaits.disturbed(gaits.walk(soles, SECONDS, 0.0), 2), SOFT, False),
        "walk, path 10 % too long, joint noise": (long, Assist(), True),
        "the same, reference anchored": (long, Assist(anchor_s=0.5), True),
        "the walk, clean": (walk, Assist(), True),
    }
    print(f"{humanoid.mass_kg:.0f} kg")
    columns = ("slip cm/s", "deepest cm", "hover cm", "joints deg", "pelvis cm", "assist N", "falls", "ms a frame")
    print(f"| reference | {' | '.join(columns)} |\n" + "|---" * 9 + "|")
    for name, (gait, assist, labelled) in cases.items():
        r = run(humanoid, gait, assist, labelled=labelled)
        pairs = " | ".join(f"{a:.1f} -> {b:.1f}" for a, b in zip(r["before"], r["after"], strict=True))
        rest = f"{r['joints']:.1f} | {r['pelvis']:.1f} | {r['assist']:.0f} | {r['fell']} | {r['ms']:.1f}"
        print(f"| {name} | {pairs} | {rest} |")


if __name__ == "__main__":
    main()
