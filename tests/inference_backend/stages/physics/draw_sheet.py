"""Draws docs/images/physics.png: `python tests/inference_backend/stages/physics/draw_sheet.py OUT.png`.

The simulated body's shapes inside the skin, and a disturbed walk before and after the simulation.
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import mujoco
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from inference_backend.body.body import Body
from inference_backend.evaluation.physics import gaits
from inference_backend.geometry.forward_kinematics import pose_joints
from inference_backend.protocol.skeleton import BODY_PARENTS
from inference_backend.stages.physics.humanoid import Humanoid, make_humanoid
from inference_backend.stages.physics.settings import PhysicsSettings
from inference_backend.stages.physics.simulate import simulate

BEFORE, AFTER = "#c4572e", "#1f6f8b"


def outline(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray:
    """Points `[M,3]` on a capsule's or a box's surface."""
    size, at, turn = model.geom_size[geom], data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX:
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 3), axis=-1).reshape(-1, 3)
        local = grid[np.abs(grid).max(1) == 1] * size
    else:
        angles = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(-np.pi / 2, np.pi / 2, 13))
        around, along = (values.ravel() for values in angles)
        ball = np.stack([np.cos(along) * np.cos(around), np.cos(along) * np.sin(around), np.sin(along)], 1) * size[0]
        local = ball + np.sign(along)[:, None] * [0, 0, size[1]]
    return local @ turn.T + at


def draw_body(axes: list[plt.Axes], body: Body, humanoid: Humanoid) -> None:
    """The shapes inside the skin, from the front and from the side."""
    skin = body.rest_vertices(torch.zeros(10)).numpy()
    model = mujoco.MjModel.from_xml_string(humanoid.xml)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for axis, across, name in zip(axes, (0, 2), ("front", "side"), strict=True):
        axis.scatter(skin[:, across], skin[:, 1], s=0.5, color="#cccccc", linewidths=0)
        for geom in range(1, model.ngeom):
            points = outline(model, data, geom)
            box = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_BOX
            axis.fill(*hull(points[:, [across, 1]]).T, color=BEFORE if box else AFTER, alpha=0.45, linewidth=0.6)
        axis.set_title(f"simulated body, {name} ({humanoid.mass_kg:.0f} kg)", fontsize=9)
        axis.set_aspect("equal")
        axis.axis("off")


def hull(points: np.ndarray) -> np.ndarray:
    """Convex hull of `[M,2]`."""
    from scipy.spatial import ConvexHull

    return points[ConvexHull(points).vertices]


def draw_walk(axes: list[plt.Axes], humanoid: Humanoid) -> None:
    """Side view of both motions, and the height and speed of the left heel."""
    soles = humanoid.soles
    gait = gaits.disturbed(gaits.walk(soles, 4.0), 3)
    done = simulate(gait.motion, gait.time_s, humanoid, PhysicsSettings(mode="always"), lambda *_: None)
    for axis, motion, color, name in ((axes[0], gait.motion, BEFORE, "before"), (axes[1], done.motion, AFTER, "after")):
        joints, _ = pose_joints(soles.joints, motion.global_orient, motion.body_pose, motion.transl)
        points = soles.of_motion(motion)
        axis.axhline(0, color="k", linewidth=0.8)
        for frame in range(6, 100, 9):
            for joint, parent in enumerate(BODY_PARENTS):
                if parent >= 0:
                    line = joints[frame, [parent, joint]]
                    axis.plot(line[:, 2], line[:, 1], color=color, linewidth=0.9)
            for side in (0, 1):
                axis.plot(points[frame, side, :, 2], points[frame, side, :, 1], ".", color="k", markersize=1.2)
        axis.set_ylim(-0.15, 1.75)
        axis.set_aspect("equal")
        axis.set_title(f"a walk with 3 cm of noise on the pelvis, {name}", fontsize=9)
        heel = points[:, 0, 0]
        axes[2].plot(gait.time_s, 100 * heel[:, 1], color=color, label=name, linewidth=1.2)
        speed = np.linalg.norm(np.diff(heel[:, [0, 2]], axis=0), axis=1) * 30
        axes[3].plot(gait.time_s[1:], speed, color=color, linewidth=1.2)
    for axis, title in ((axes[2], "left heel, height in cm"), (axes[3], "left heel, horizontal speed in m/s")):
        for start in np.flatnonzero(np.diff(gait.contact[:, 0].astype(int)) == 1):
            axis.axvspan(gait.time_s[start + 1], gait.time_s[min(start + 16, 119)], color="#eeeeee", zorder=0)
        axis.set_title(f"{title} (grey: it should stand)", fontsize=9)
        axis.grid(alpha=0.3)
    axes[2].legend(fontsize=8)


def main(out: Path) -> None:
    """Draw the sheet."""
    body = Body.load()
    humanoid = make_humanoid(body, np.zeros(10))
    figure = plt.figure(figsize=(12, 7.5), layout="constrained")
    grid = figure.add_gridspec(3, 4, height_ratios=[1.1, 1.1, 0.8])
    draw_body([figure.add_subplot(grid[0:2, 0]), figure.add_subplot(grid[0:2, 1])], body, humanoid)
    axes = [figure.add_subplot(grid[0, 2:]), figure.add_subplot(grid[1, 2:])]
    draw_walk([*axes, figure.add_subplot(grid[2, :2]), figure.add_subplot(grid[2, 2:])], humanoid)
    figure.savefig(out, dpi=85)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
