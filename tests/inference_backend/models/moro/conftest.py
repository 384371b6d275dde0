"""Networks for MoRo's tests: small ones of our own recipe, and the released one with the fixtures' weights."""

import hashlib
import importlib.util
import os
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from inference_backend.models.moro.config import RESEARCH, BackboneConfig, MoroConfig, TokenizerConfig
from inference_backend.models.moro.files.checkpoint import empty_network
from inference_backend.models.moro.motion.trajectory import TrajectoryStatistics
from inference_backend.models.moro.network import Moro
from inference_backend.models.moro.tokenizer.build_connections import build_connections
from inference_backend.models.moro.tokenizer.connections import Connections, read_connections

FULL = "RECOVER_MOTION_FULL"


def sphere(rows: int = 12, columns: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """A triangulated sphere: vertices, faces."""
    theta = np.pi * (np.arange(rows) + 0.5) / rows
    phi = 2 * np.pi * np.arange(columns) / columns
    t, p = (x.ravel() for x in np.meshgrid(theta, phi, indexing="ij"))
    vertices = np.stack((np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)), 1)
    cell = np.arange((rows - 1) * columns)
    right = cell - cell % columns + (cell + 1) % columns
    faces = np.concatenate(
        (np.stack((cell, right, cell + columns), 1), np.stack((right, right + columns, cell + columns), 1))
    )
    return vertices, faces


def draw(name: str, shape: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    """Reproducible normal numbers for a name."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    values = np.random.default_rng(seed).standard_normal(shape)
    return torch.from_numpy(np.asarray(shift + scale * values, dtype=np.float32))


def _value(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    last = key.rsplit(".", 1)[-1]
    if last in ("_ema_cluster_size", "code_count"):
        return torch.ones(shape)
    if key.endswith(("_embedding.weight", "_ema_w")) or last.startswith(("weights", "p_neighbors")):
        return draw(key, shape)
    if last.startswith("w_weights"):
        return draw(key, shape, 0.05)
    if key.endswith("smoother.alpha"):
        return torch.tensor(0.4)
    if last == "weight" and len(shape) == 1:
        return draw(key, shape, 0.05, 1.0)
    if last.endswith("bias"):
        return draw(key, shape, 0.05)
    return draw(key, shape, shape[-1] ** -0.5 if len(shape) > 1 else 0.1)


def fill(model: Moro, name: str) -> Moro:
    """Give a network reproducible weights."""
    state = {key: _value(f"{name}/{key}", tuple(value.shape)) for key, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    model.requires_grad_(False)
    model.tie_token_table()
    return model.eval()


SMALL_STATISTICS = TrajectoryStatistics(
    torch.tensor([0.9, 0.0, 0.1, 0.0, 0.95, 0.0, 0.01, -0.01, 0.02]), torch.linspace(0.2, 0.6, 9)
)


@pytest.fixture(scope="session")
def small_connections() -> Connections:
    return build_connections(*sphere(), points=(150, 40, 12))


def small_config(connections: Connections, backbone: bool) -> MoroConfig:
    return MoroConfig(
        name="small",
        body_name="sphere",
        tokenizer=TokenizerConfig(
            points=connections.points, channels=(3, 8, 16, 5), slots=connections.slots, codes=32, bases=4
        ),
        backbone=BackboneConfig(crop=32, cut=4, patch=8, padding=1, grid=(4, 3), width=24, depth=2, heads=2)
        if backbone
        else None,
        evidence_tokens=12 if backbone else 33,
        evidence_channels=24 if backbone else 7,
        width=32,
        heads=4,
        motion_depth=2,
        image_depth=1,
        decoder_depth=2,
        attention_reach=6,
        clip_frames=24,
        overlap_frames=8,
        smoother_width=8,
    )


def small_network(connections: Connections, backbone: bool = True, **changes) -> Moro:
    model = fill(empty_network(replace(small_config(connections, backbone), **changes)), "small")
    model.set_connections(connections)
    model.set_statistics(SMALL_STATISTICS)
    return model


@pytest.fixture(scope="session")
def make_small_network(small_connections):
    """Makes a small network of one's own: `make_small_network(backbone=False, width=16, ...)`."""
    return lambda **changes: small_network(small_connections, **changes)


@pytest.fixture(scope="session")
def image_network(small_connections) -> Moro:
    """Small, with a backbone for crops."""
    return small_network(small_connections)


@pytest.fixture(scope="session")
def landmark_network(small_connections) -> Moro:
    """Small, for landmark tokens."""
    return small_network(small_connections, backbone=False)


@pytest.fixture(scope="session")
def full_size() -> None:
    """Tests that need the whole released network in memory (5 GB, minutes) run when they are asked for."""
    if not os.environ.get(FULL):
        pytest.skip(f"takes minutes and 5 GB of memory; set {FULL}=1 to run it")


@pytest.fixture(scope="session")
def moro_data(shared):
    return shared / "moro"


@pytest.fixture(scope="session")
def recipe(moro_data) -> ModuleType:
    """The module that defines the fixtures' artificial weights and inputs."""
    spec = importlib.util.spec_from_file_location("fixture_weights", moro_data / "fixture_weights.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def released(moro_data, recipe):
    """The released network, its parts filled with the fixtures' weights as tests ask for them."""
    model = empty_network(RESEARCH).eval().requires_grad_(False)
    filled: set[str] = set()

    def part(*names: str) -> Moro:
        for name in set(names) - filled:
            module = model.get_submodule(name)
            state = {
                key: torch.from_numpy(recipe.value_for(f"{name}.{key}", value.shape))
                for key, value in module.state_dict().items()
            }
            module.load_state_dict(state, assign=True)
            module.requires_grad_(False)
            filled.add(name)
            if name == "vqvae":
                model.set_connections(
                    read_connections(moro_data / "smplx_ConnectionMatrices" / "medium.npz", RESEARCH.tokenizer)
                )
        return model

    mean, std = torch.from_numpy(recipe.TRAJ_MEAN), torch.from_numpy(recipe.TRAJ_STD)
    model.trajectory_mean, model.trajectory_std = mean.reshape(9), std.reshape(9)
    return part


@pytest.fixture
def fixture(moro_data):
    """Open one of the fixture files as tensors."""

    def load(name: str) -> dict[str, torch.Tensor]:
        with np.load(moro_data / "fixtures" / f"{name}.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if file[key].dtype.kind != "U"}
        return {key: torch.from_numpy(a.astype(np.int64) if a.dtype == np.int16 else a) for key, a in arrays.items()}

    return load


@pytest.fixture
def near():
    """Assert that tensors agree to 1e-4."""

    def check(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-4) -> None:
        torch.testing.assert_close(found, expected.to(found.dtype), atol=tolerance, rtol=1e-6)

    return check
