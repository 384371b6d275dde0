from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _without_bundled_weights(monkeypatch, request):
    """Tests bring their own weights, or none, unless they ask for the product's."""
    if "bundled" not in request.fixturenames:
        monkeypatch.setattr("inference_backend.stages.trajectory.weights.BUNDLED", Path("nowhere"))


@pytest.fixture
def bundled():
    """The product's own weights file."""
    from inference_backend.stages.trajectory.weights import BUNDLED

    return BUNDLED
