import roma
import torch

from inference_backend.geometry.blazepose import INDEX, MIRROR
from inference_backend.training.data.posing import PosedBody


def test_the_mesh_is_the_body_upright_about_its_pelvis(body, generator):
    ids = [5, 500, 7000, 13000]
    posed = PosedBody(body, ids)
    rotations = roma.rotvec_to_rotmat(0.5 * torch.randn(3, 22, 3, generator=generator))
    betas = torch.randn(3, 10, generator=generator)
    flat = torch.eye(3).expand(3, 15, 3, 3)
    whole = body(betas, torch.eye(3).expand(3, 3, 3), rotations[:, 1:], torch.zeros(3, 3), flat, flat)
    expected = whole.vertices[:, ids] - whole.joints[:, :1]
    torch.testing.assert_close(posed.mesh(betas, rotations), expected, atol=1e-5, rtol=0)


def test_landmarks_are_left_and_right_of_a_person_in_the_rest_pose(body):
    posed = PosedBody(body, [0])
    betas, rest = torch.zeros(10), torch.eye(3).expand(22, 3, 3)
    places = posed.landmarks(betas, posed.pose(betas, rest))
    torch.testing.assert_close(places[list(MIRROR)] * torch.tensor([-1.0, 1.0, 1.0]), places, atol=0.01, rtol=0)
    assert places[INDEX["left_wrist"], 0] > 0.5
    assert places[INDEX["left_heel"], 1] < places[INDEX["left_knee"], 1] < places[INDEX["nose"], 1]
    assert places[INDEX["nose"], 2] > places[INDEX["left_ear"], 2]


def test_landmarks_ride_on_their_bones(body):
    posed = PosedBody(body, [0])
    rotations = torch.eye(3).repeat(22, 1, 1)
    rotations[18] = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # the left forearm hangs
    betas = torch.zeros(10)
    places = posed.landmarks(betas, posed.pose(betas, rotations))
    straight = posed.landmarks(betas, posed.pose(betas, torch.eye(3).expand(22, 3, 3)))
    assert places[INDEX["left_wrist"], 1] < places[INDEX["left_elbow"], 1] - 0.15
    torch.testing.assert_close(places[INDEX["right_wrist"]], straight[INDEX["right_wrist"]])
    forearm = (places[INDEX["left_wrist"]] - places[INDEX["left_elbow"]]).norm()
    before = (straight[INDEX["left_wrist"]] - straight[INDEX["left_elbow"]]).norm()
    assert abs(forearm - before) < 0.02
