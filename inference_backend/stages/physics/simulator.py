"""Whether there is a simulator, without loading it."""

import importlib.metadata


def simulator_version() -> str:
    """Version of MuJoCo, "" when it is not installed (with or without its viewer)."""
    for name in ("mujoco-core", "mujoco"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""
