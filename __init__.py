"""Recover Motion: a Blender extension. Blender imports this file; the work is in `addon` and `inference_backend`."""
