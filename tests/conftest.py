"""Makes the repository importable as the package that Blender installs, so that the add-on's relative imports work."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "recover_motion"

sys.path.insert(0, str(ROOT))

if PACKAGE not in sys.modules:
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The developers' data folder beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("RECOVER_MOTION_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("the development data folder ../shared is absent")
    return folder
