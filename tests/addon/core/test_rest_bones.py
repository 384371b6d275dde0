import numpy as np
from recover_motion.addon.core.rest_bones import rest_bones
from recover_motion.inference_backend.protocol.skeleton import JOINTS


def bones_of(plain_body, betas):
    vertices, joints = plain_body.shaped(betas)
    return rest_bones(joints, vertices[:, 1].min()), joints


def test_one_root_and_smplx_names(plain_body):
    rest, _ = bones_of(plain_body, np.zeros(10))
    assert rest.names == ("root", *JOINTS)
    assert [i for i, parent in enumerate(rest.parents) if parent < 0] == [0]
    assert rest.parents[1] == 0
    assert rest.names[rest.parents[rest.names.index("left_knee")]] == "left_hip"


def test_stands_on_the_floor_above_the_root_and_faces_minus_y(plain_body, rng):
    rest, joints = bones_of(plain_body, rng.normal(size=10))
    head = dict(zip(rest.names, rest.heads, strict=True))
    np.testing.assert_allclose(head["root"], 0)
    np.testing.assert_allclose(head["pelvis"][:2], 0, atol=1e-12)
    assert 0.8 < head["pelvis"][2] < 1.2
    assert head["left_wrist"][0] > 0.5 > -0.5 > head["right_wrist"][0]
    assert head["left_foot"][1] < head["left_ankle"][1]  # toes in front
    relative = rest.heads[1:] - rest.heads[1]
    ours = joints - joints[0]
    np.testing.assert_allclose(relative, np.stack([ours[:, 0], -ours[:, 2], ours[:, 1]], axis=-1), atol=1e-12)


def test_bones_point_along_the_limbs_with_orthonormal_axes(plain_body, rng):
    rest, _ = bones_of(plain_body, rng.normal(size=10))
    index = {name: i for i, name in enumerate(rest.names)}
    for bone, child in (("left_hip", "left_knee"), ("right_elbow", "right_wrist"), ("left_index1", "left_index2")):
        np.testing.assert_allclose(rest.tails[index[bone]], rest.heads[index[child]], atol=1e-12)
    length = np.linalg.norm(rest.tails - rest.heads, axis=-1)
    assert (length >= 0.005 - 1e-12).all()
    np.testing.assert_allclose(rest.axes[:, :, 1], (rest.tails - rest.heads) / length[:, None], atol=1e-12)
    np.testing.assert_allclose(rest.axes.transpose(0, 2, 1) @ rest.axes, np.tile(np.eye(3), (56, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rest.axes), 1)


def test_left_and_right_mirror_each_other_as_blender_mirrors_bones():
    from recover_motion.inference_backend.protocol.skeleton import PARENTS

    side = np.random.default_rng(3)
    joints = np.zeros((55, 3))
    for i, name in enumerate(JOINTS):
        if name.startswith("right_"):
            joints[i] = joints[JOINTS.index(name.replace("right_", "left_"))] * [-1, 1, 1]
        else:
            step = side.normal(0, 0.1, 3) + ([0.1, 0, 0] if name.startswith("left_") else [0, 0.1, 0])
            joints[i] = joints[max(PARENTS[i], 0)] + step * ([1, 1, 1] if name.startswith("left_") else [0, 1, 1])
    rest = rest_bones(joints, -1.0)
    for i, name in enumerate(rest.names):
        if name.startswith("left_"):
            other = rest.axes[rest.names.index(name.replace("left_", "right_"))]
            np.testing.assert_allclose(rest.axes[i][:, 1:] * [[-1], [1], [1]], other[:, 1:], atol=1e-9)


def test_coinciding_joints_still_give_bones_with_length():
    rest = rest_bones(np.zeros((55, 3)), 0.0)
    assert (np.linalg.norm(rest.tails - rest.heads, axis=-1) > 0.004).all()
    assert np.isfinite(rest.axes).all()
