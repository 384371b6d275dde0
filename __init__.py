"""Recover Motion: a Blender extension. Blender imports this file; the work is in `addon` and `inference_backend`."""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from .addon import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from .addon import registration

    registration.unregister()
