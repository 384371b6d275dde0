"""Settings in the scene + a strip -> what the backend is asked."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ...inference_backend.protocol import messages
from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ...inference_backend.protocol.estimators import offer
from .quality import settings_of

if TYPE_CHECKING:
    from .settings import RecoverMotionSettings
    from .strip import Source


def recovery_request(job: str, source: "Source", settings: "RecoverMotionSettings", out: Path) -> messages.Submit:
    """The message that asks for a recovery.

    Args:
        job: the job's name.
        source: the strip.
        settings: of the scene.
        out: folder for the result.

    Raises:
        RecoverError: `BAD_SETTING` when a file that a setting names cannot be read.
    """
    start_s, end_s = source.range_s
    return messages.Submit(
        job,
        str(source.path),
        str(out),
        start_s=start_s,
        end_s=end_s,
        device=settings.device,
        settings=_backend_settings(source, settings),
    )


def cleaning_settings(settings: "RecoverMotionSettings") -> dict[str, Any]:
    """The part of the backend's settings that cleaning depends on."""
    return {
        "foot_lock": {
            "strength": _plain(settings.lock_strength),
            "blend_s": _plain(settings.lock_blend_s),
            "smoothing_s": _plain(settings.smoothing_s),
        },
        "physics": {"mode": settings.physics},
    }


def _plain(value: float) -> float:
    """What a person typed: Blender keeps 0.15 as the nearest number of 32 bits, 0.1500000059."""
    return round(value, 6)


def _backend_settings(source: "Source", settings: "RecoverMotionSettings") -> dict[str, Any]:
    chosen: dict[str, Any] = {"estimator": settings.estimator}
    for part in offer(settings.estimator).weights:
        if weights := getattr(settings, f"{part}_weights"):
            chosen[part] = {"weights": bpy.path.abspath(weights)}
    if offer(settings.estimator).weights and settings.estimator_body:
        chosen["estimator_body"] = bpy.path.abspath(settings.estimator_body)
    if settings.body:
        chosen["body"] = bpy.path.abspath(settings.body)
    chosen["trajectory"] = {"trigger": settings.trajectory}
    chosen["frames"] = {"stream": source.stream}
    if source.images:
        chosen["frames"]["image_fps"] = source.fps
    if settings.people:
        chosen["people"] = {"people": settings.people}
    chosen["camera"] = {**_camera(source, settings), "motion": settings.camera_motion}
    return _merged(settings_of(settings.quality), chosen, cleaning_settings(settings))


def _camera(source: "Source", settings: "RecoverMotionSettings") -> dict[str, Any]:
    match settings.camera:
        case "LENS":
            return {"focal_px": settings.lens_mm / settings.sensor_mm * max(source.size_wh)}
        case "PIXELS":
            return {"focal_px": settings.focal_px}
        case "FILE":
            return _calibration(Path(bpy.path.abspath(settings.calibration)))
    return {}


def _calibration(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"K": content["K"], "dist": content.get("dist", [0.0] * 5)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"The calibration file {path} cannot be read as JSON with K and dist: {error}.",
            "Choose a file with K (3 x 3) and dist (4 or 5 OpenCV coefficients), or another camera setting.",
        ) from error


def _merged(*parts: dict[str, Any]) -> dict[str, Any]:
    """One settings object; where two parts set the same value the later one wins."""
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            both = isinstance(value, dict) and isinstance(merged.get(name), dict)
            merged[name] = {**merged[name], **value} if both else value
    return merged
