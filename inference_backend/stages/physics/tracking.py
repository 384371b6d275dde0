"""Torque tracking of a reference by a simulated body, its pelvis helped by a limited force."""

import math
from dataclasses import dataclass, replace
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from ...protocol.skeleton import BODY_JOINTS
from ...records.context import ProgressCallback
from .humanoid import DAMPING_S, Humanoid
from .reference import Reference

Array = NDArray[np.float64]

_BLOCK: Final = 64
"""Frames whose steps are prepared at once."""
FALL_HEIGHT_M: Final = 0.3
FALL_TILT_RAD: Final = math.radians(45)
FALL_SATURATED: Final = 0.5
"""Signs of a fall: error of the pelvis' height, of the trunk's direction, share of a second at the assist's limit."""
REWIND_S: Final = 1.0


@dataclass(frozen=True)
class Assist:
    """The wrench on the pelvis: a spring and damper to the reference that can only do so much.

    Attributes:
        horizontal, vertical: N/m.
        force_n, torque_nm: limits.
        turn: N m/rad; turn_damping: N m s/rad.
        anchor_s: time constant with which the reference drifts after the body, horizontally; 0: it does not.
        strength: factor on all joints' stiffness.
        trunk: N m/rad of the spine's joints, None for those of the humanoid.
    """

    horizontal: float = 2000.0
    vertical: float = 4000.0
    force_n: float = 500.0
    torque_nm: float = 300.0
    turn: float = 1500.0
    turn_damping: float = 150.0
    anchor_s: float = 0.0
    strength: float = 1.0
    trunk: float | None = None


def firmer(assist: Assist) -> Assist:
    """The assist of a second try after a fall."""
    return replace(assist, vertical=6000.0, force_n=max(800.0, assist.force_n))


@dataclass(frozen=True)
class Tracked:
    """What the simulated body did, N frames.

    Attributes:
        pelvis: `[N,3]`, metres; quaternions: `[N,22,4]`, w x y z, as in `reference.Targets`.
        done: bool `[N]`; False around falls, where nothing can be used.
        fell: frames at which it fell for good.
        retried: frames at which a second try was needed.
        assist_n: `[N]`, mean force on the pelvis since the frame before.
    """

    pelvis: Array
    quaternions: Array
    done: NDArray[np.bool_]
    fell: tuple[int, ...]
    retried: tuple[int, ...]
    assist_n: Array


class Tracker:
    """A compiled humanoid and its controls.

    Args:
        humanoid: the model.
        assist: limits and gains.
    """

    def __init__(self, humanoid: Humanoid, assist: Assist) -> None:
        self._model = mujoco.MjModel.from_xml_string(humanoid.xml)
        self._data = mujoco.MjData(self._model)
        self._assist, self._mass = assist, humanoid.mass_kg
        self._drift = np.zeros(3)
        model = self._model
        # MuJoCo stores bodies depth first, hence the look-up by name.
        joints = [model.joint(name) for name in BODY_JOINTS]
        self._turn_at = np.array([int(joint.qposadr[0]) + (3 if i == 0 else 0) for i, joint in enumerate(joints)])
        self._spin_at = np.array([int(joint.dofadr[0]) + (3 if i == 0 else 0) for i, joint in enumerate(joints)])
        self._kp = np.zeros(model.nv)
        for i, stiffness in enumerate(humanoid.stiffness, start=1):
            value = assist.trunk if assist.trunk is not None and "spine" in BODY_JOINTS[i] else stiffness
            self._kp[self._spin_at[i] : self._spin_at[i] + 3] = assist.strength * value
        self._kp[3:6] = assist.turn
        self._kd = DAMPING_S * self._kp
        self._kd[3:6] = assist.turn_damping
        passive = self._kd.copy()
        passive[:6] = 0
        model.dof_damping[:] = passive

    def track(self, reference: Reference, step_hz: float, progress: ProgressCallback) -> Tracked:
        """Follow a reference from its first to its last frame.

        Args:
            reference: N frames.
            step_hz: simulation steps a second; a frame gets a whole number of them.
            progress: called now and then.
        """
        time_s = reference.time_s
        count = len(time_s)
        model, data = self._model, self._data
        states = np.full((count, model.nq + model.nv), np.nan)
        assist_n, saturated = np.zeros(count), np.zeros(count)
        done = np.zeros(count, bool)
        fell: list[int] = []
        retried: list[int] = []
        steps = np.maximum(np.round(np.diff(time_s) * step_hz), 1).astype(int)
        plan = _Plan(self, reference, steps)
        assist, second_try_until, started = self._assist, -1, 0
        self._place(plan.state(0))
        states[0] = self._state()
        done[0] = True
        i = 0
        while i < count - 1:
            model.opt.timestep = (time_s[i + 1] - time_s[i]) / steps[i]
            assist_n[i + 1], saturated[i + 1] = self._advance(plan, i, steps[i], assist)
            i += 1
            states[i], done[i] = self._state(), True
            recent = max(started, int(np.searchsorted(time_s, time_s[i] - 1.0 - 1e-6)))
            # Frames need not lie a second apart to the digit.
            exhausted = time_s[i] - time_s[recent] > 0.9 and saturated[recent + 1 : i + 1].mean() > FALL_SATURATED
            if exhausted or self._has_fallen(plan.state(i)):
                back = max(started, int(np.searchsorted(time_s, time_s[i] - REWIND_S)))
                if i > second_try_until:
                    retried.append(i)
                    assist = firmer(self._assist)
                    second_try_until = int(np.searchsorted(time_s, time_s[i] + REWIND_S))
                    self._restore(states[back])
                    i = back
                    saturated[back + 1 :] = 0
                    continue
                fell.append(i)
                done[back + 1 : i + 1] = False
                i = min(int(np.searchsorted(time_s, time_s[i] + 0.5)), count - 1)
                assist, second_try_until, started = self._assist, -1, i
                self._place(plan.state(i))
                states[i] = self._state()
                done[i] = True
                saturated[i] = 0
            elif i > second_try_until:
                assist = self._assist
            if i % 30 == 0:
                progress(i / count, i)
        data.qfrc_applied[:] = 0
        pelvis = states[:, :3].copy()
        quaternions = states[:, self._turn_at[:, None] + np.arange(4)]
        done &= np.isfinite(states).all(1)
        return Tracked(pelvis, quaternions, done, tuple(fell), tuple(retried), assist_n)

    def _advance(self, plan: "_Plan", frame: int, steps: int, assist: Assist) -> tuple[float, float]:
        """One frame; returns the mean assist force and the share of steps at its limit."""
        model, data, kp, kd = self._model, self._data, self._kp, self._kd
        qpos, velocity, damped = plan.steps(frame)
        error, force = np.empty(model.nv), data.qfrc_applied
        stiff = (assist.horizontal, assist.vertical, assist.horizontal)
        damping = [1.4 * math.sqrt(k * self._mass) for k in stiff]
        total, limited = 0.0, 0
        drift, rate = self._drift, min(model.opt.timestep / assist.anchor_s, 1.0) if assist.anchor_s > 0 else 0.0
        for k in range(steps):
            mujoco.mj_differentiatePos(model, error, 1.0, data.qpos, qpos[k])
            if rate:
                error[:3] += drift
                drift[0] -= rate * error[0]
                drift[2] -= rate * error[2]
            now = data.qvel
            np.multiply(kp, error, out=force)
            force += damped[k]
            force[3:6] -= kd[3:6] * now[3:6]
            pull = [stiff[a] * error[a] + damping[a] * (velocity[k, a] - now[a]) for a in range(3)]
            size = math.sqrt(pull[0] ** 2 + pull[1] ** 2 + pull[2] ** 2)
            scale = 1.0
            if size > assist.force_n:
                scale, limited = assist.force_n / size, limited + 1
            total += size * scale
            for a in range(3):
                force[a] = pull[a] * scale
            torque = math.sqrt(force[3] ** 2 + force[4] ** 2 + force[5] ** 2)
            if torque > assist.torque_nm:
                force[3:6] *= assist.torque_nm / torque
            mujoco.mj_step(model, data)
        return total / steps, limited / steps

    def qpos_of(self, pelvis: Array, quaternions: Array) -> Array:
        """Positions `[K,nq]` in the simulator's order."""
        out = np.zeros((len(pelvis), self._model.nq))
        out[:, :3] = pelvis
        out[:, self._turn_at[:, None] + np.arange(4)] = quaternions
        return out

    def qvel_of(self, velocity: Array, spin: Array) -> Array:
        """Velocities `[K,nv]` in the simulator's order."""
        out = np.zeros((len(velocity), self._model.nv))
        out[:, :3] = velocity
        out[:, self._spin_at[:, None] + np.arange(3)] = spin
        return out

    @property
    def damping(self) -> Array:
        """`[nv]`, N m s/rad."""
        return self._kd

    def _state(self) -> Array:
        return np.concatenate([self._data.qpos, self._data.qvel])

    def _restore(self, state: Array) -> None:
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:], self._data.qvel[:] = np.split(state, [self._model.nq])

    def _place(self, state: Array) -> None:
        """Start from a reference state, raised until it does not begin inside the floor."""
        self._restore(state)
        self._drift[:] = 0
        mujoco.mj_forward(self._model, self._data)
        deepest = min((float(contact.dist) for contact in self._data.contact), default=0.0)
        self._data.qpos[1] -= min(deepest, 0.0)

    def _has_fallen(self, reference: Array) -> bool:
        qpos = self._data.qpos
        if not np.isfinite(qpos).all() or self._data.warning[mujoco.mjtWarning.mjWARN_BADQACC].number:
            return True
        if abs(qpos[1] - reference[1]) > FALL_HEIGHT_M:
            return True
        up, wanted = (_upward(q[3:7]) for q in (qpos, reference))
        return float(up @ wanted) < math.cos(FALL_TILT_RAD)


class _Plan:
    """The reference in the simulator's order, prepared a block of frames at a time."""

    def __init__(self, tracker: Tracker, reference: Reference, steps: NDArray[np.int64]) -> None:
        self._tracker, self._reference, self._steps = tracker, reference, steps
        self._first, self._blocks = -1, []

    def steps(self, frame: int) -> tuple[Array, Array, Array]:
        """Targets at the ends of the steps from `frame` to the next: positions, velocities, damping forces."""
        first = frame // _BLOCK * _BLOCK
        if first != self._first:
            self._prepare(first)
        return self._blocks[frame - first]

    def state(self, frame: int) -> Array:
        """The reference at a frame, `[nq + nv]`."""
        targets = self._reference.at(self._reference.time_s[frame : frame + 1])
        qpos = self._tracker.qpos_of(targets.pelvis, targets.quaternions)
        return np.concatenate([qpos[0], self._tracker.qvel_of(targets.velocity, targets.spin)[0]])

    def _prepare(self, first: int) -> None:
        time_s, steps = self._reference.time_s, self._steps[first : first + _BLOCK]
        spans = [
            time_s[first + i] + (time_s[first + i + 1] - time_s[first + i]) * np.arange(1, n + 1) / n
            for i, n in enumerate(steps)
        ]
        targets = self._reference.at(np.concatenate(spans))
        qpos = self._tracker.qpos_of(targets.pelvis, targets.quaternions)
        qvel = self._tracker.qvel_of(targets.velocity, targets.spin)
        damped = self._tracker.damping * qvel
        borders = np.cumsum(steps)[:-1]
        parts = (np.split(values, borders) for values in (qpos, qvel, damped))
        self._first, self._blocks = first, list(zip(*parts, strict=True))


def _upward(quaternion: Array) -> Array:
    """Where the y axis of a body `w x y z` points, `[3]`."""
    w, x, y, z = quaternion
    return np.array([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)])
