import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from inference_backend.geometry.forward_kinematics import pose_joints
from inference_backend.protocol.skeleton import BODY_JOINTS
from inference_backend.stages.physics.humanoid import make_humanoid
from inference_backend.stages.physics.tracking import Assist, Tracker


@pytest.fixture(scope="module")
def model(humanoid):
    return mujoco.MjModel.from_xml_string(humanoid.xml)


def test_one_free_joint_and_a_ball_for_each_other(model):
    assert (model.nq, model.nv) == (91, 69)
    assert model.njnt == 22
    assert {int(model.joint(name).type[0]) for name in BODY_JOINTS[1:]} == {int(mujoco.mjtJoint.mjJNT_BALL)}
    np.testing.assert_array_equal(model.opt.gravity, [0, -9.81, 0])


@pytest.mark.parametrize("betas", [np.zeros(10), np.linspace(-1.5, 1.5, 10), np.linspace(2, -2, 10)])
def test_the_simulated_skeleton_is_the_bodys(body, betas):
    """Positions of all joints, for random poses of several people: the state is copied by name, not by order."""
    humanoid = make_humanoid(body, betas)
    tracker = Tracker(humanoid, Assist())
    model = mujoco.MjModel.from_xml_string(humanoid.xml)
    data = mujoco.MjData(model)
    rng = np.random.default_rng(3)
    turns = Rotation.from_rotvec(rng.normal(0, 0.5, (22, 3)))
    rest = humanoid.soles.joints
    pelvis = rng.normal(size=3)
    joints, _ = pose_joints(rest, turns.as_matrix()[:1], turns.as_matrix()[None, 1:], (pelvis - rest[0])[None])
    data.qpos[:] = tracker.qpos_of(pelvis[None], turns.as_quat()[None][..., [3, 0, 1, 2]])[0]
    mujoco.mj_forward(model, data)
    for j, name in enumerate(BODY_JOINTS):
        np.testing.assert_allclose(data.body(name).xpos, joints[0, j], atol=1e-5)


def test_mass_and_its_shares(body, humanoid, model):
    assert 45 < humanoid.mass_kg < 110
    assert model.body_mass.sum() == pytest.approx(humanoid.mass_kg, rel=1e-3)
    thigh, foot = model.body("left_hip").mass[0], model.body("left_ankle").mass[0] + model.body("left_foot").mass[0]
    assert thigh / humanoid.mass_kg == pytest.approx(0.14, rel=0.15)
    assert foot / humanoid.mass_kg == pytest.approx(0.014, rel=0.15)
    heavy = make_humanoid(body, np.eye(10)[1] * 2), make_humanoid(body, -np.eye(10)[1] * 2)
    assert abs(heavy[0].mass_kg - heavy[1].mass_kg) > 2


def test_flat_feet_stand_on_flat_boxes(humanoid, soles, model):
    """With both feet laid flat, every box's bottom lies in the plane of the sole."""
    data = mujoco.MjData(model)
    tracker = Tracker(humanoid, Assist())
    local = np.tile([1.0, 0, 0, 0], (22, 1))
    for side, ankle in enumerate((7, 8)):
        local[ankle] = Rotation.from_matrix(soles.flat[side]).as_quat()[[3, 0, 1, 2]]
    data.qpos[:] = tracker.qpos_of(np.array([[0, 1.0, 0]]), local[None])[0]
    mujoco.mj_forward(model, data)
    bottoms = []
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mujoco.mjtGeom.mjGEOM_BOX:
            continue
        frame = data.geom_xmat[geom].reshape(3, 3)
        assert frame[1, 1] == pytest.approx(1, abs=1e-6)
        bottoms.append(data.geom_xpos[geom][1] - model.geom_size[geom][1])
    assert len(bottoms) == 4
    # Left and right feet of the open body are mirror images to within a millimetre or so.
    assert np.ptp(bottoms) < 0.004


def test_only_the_floor_is_touched(model):
    """Limbs pass through each other: the body is no ragdoll that fights itself."""
    data = mujoco.MjData(model)
    data.qpos[1] += 5
    mujoco.mj_forward(model, data)
    assert data.ncon == 0
    data.qpos[1] -= 5.1
    mujoco.mj_forward(model, data)
    assert data.ncon > 0
    floor = model.geom("floor").id
    assert all(floor in (contact.geom1, contact.geom2) for contact in data.contact)
