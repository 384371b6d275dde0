import cv2
import numpy as np
import torch

from inference_backend.geometry.projection import distort, project, undistort

K = np.array([[900.0, 0.0, 640.0], [0.0, 910.0, 350.0], [0.0, 0.0, 1.0]])
DIST = np.array([0.12, -0.2, 0.001, -0.002, 0.05])


def some_points(count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.stack([rng.uniform(-1, 1, count), rng.uniform(-1, 1, count), rng.uniform(2, 6, count)], axis=-1)


def test_project_equals_opencv():
    points = some_points()
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, DIST)
    got = project(torch.from_numpy(points), torch.from_numpy(K), torch.from_numpy(DIST))
    assert np.abs(got.numpy() - expected[:, 0]).max() < 1e-9


def test_project_takes_one_matrix_per_frame():
    points = torch.from_numpy(some_points(20)).reshape(4, 5, 3)
    matrices = torch.from_numpy(K).repeat(4, 1, 1)
    matrices[2, 0, 0] *= 2
    got = project(points, matrices)
    assert torch.allclose(got[2], project(points[2], matrices[2]))
    assert not torch.allclose(got[2], project(points[2], matrices[0]))


def test_a_point_behind_the_camera_stays_finite():
    got = project(torch.tensor([[0.1, 0.2, -1.0]]), torch.from_numpy(K).float())
    assert torch.isfinite(got).all()


def test_undistort_undoes_project_and_keeps_nan():
    points = some_points().reshape(10, 20, 3)
    pixels = project(torch.from_numpy(points), torch.from_numpy(K), torch.from_numpy(DIST)).numpy()
    pixels[3, 7] = np.nan
    rays = undistort(pixels, np.repeat(K[None], 10, axis=0), DIST)
    assert np.isnan(rays[3, 7]).all()
    good = np.isfinite(rays)
    assert np.abs(rays - points[..., :2] / points[..., 2:])[good].max() < 1e-7


def test_distort_without_coefficients_is_the_identity():
    xy = torch.randn(5, 2, dtype=torch.float64)
    assert torch.equal(distort(xy, torch.zeros(5, dtype=torch.float64)), xy)
