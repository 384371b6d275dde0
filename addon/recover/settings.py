"""What the person sets before a recovery, kept in the scene."""

from typing import Final

import bpy

from ...inference_backend.protocol.estimators import OFFERS
from . import quality

_ESTIMATORS: Final = tuple((offer.name, offer.label, offer.description) for offer in OFFERS)


class RecoverMotionSettings(bpy.types.PropertyGroup):
    """Settings of a recovery."""

    people: bpy.props.IntProperty(
        name="People",
        description="Follow at most this many people at once; 0 means up to four",
        default=0,
        min=0,
        max=16,
    )
    quality: bpy.props.EnumProperty(name="Quality", description="Speed against accuracy", items=quality.enum_items())
    estimator: bpy.props.EnumProperty(name="Estimator", description="What recovers the pose", items=_ESTIMATORS)
    rope_weights: bpy.props.StringProperty(
        name="Rope Weights",
        description="A weights file (.safetensors) for Rope; empty for the bundled one",
        subtype="FILE_PATH",
    )
    moro_weights: bpy.props.StringProperty(
        name="MoRo Weights",
        description="A weights file (.safetensors) for MoRo; empty for the bundled one",
        subtype="FILE_PATH",
    )
    body: bpy.props.StringProperty(
        name="Body",
        description="Your own body file in SMPL-X layout; empty for the open body, which is free for any use",
        subtype="FILE_PATH",
    )
    estimator_body: bpy.props.StringProperty(
        name="Weights' Body",
        description="The body file that the estimator's weights were trained for, if it is neither the body below nor "
        "the open body; the motion is then converted",
        subtype="FILE_PATH",
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="Where the recovery is computed",
        items=(
            ("auto", "Automatic", "The graphics card when the backend can use it"),
            ("cpu", "CPU", "The processor"),
            ("cuda", "NVIDIA GPU", "An NVIDIA graphics card"),
            ("mps", "Apple GPU", "The graphics of an Apple chip"),
        ),
    )
    camera: bpy.props.EnumProperty(
        name="Camera",
        description="How the video's lens is found",
        items=(
            ("AUTO", "Automatic", "From the file, else from people's motion, else a typical lens"),
            ("LENS", "Lens and Sensor", "Focal length and sensor width, as on the camera's data sheet"),
            ("PIXELS", "Focal Length in Pixels", "From a calibration"),
            ("FILE", "Calibration File", "A JSON file with K (3 x 3) and dist (4 or 5 OpenCV coefficients)"),
        ),
    )
    lens_mm: bpy.props.FloatProperty(
        name="Lens", description="Focal length in millimetres", default=35.0, min=1.0, max=5000.0, unit="CAMERA"
    )
    sensor_mm: bpy.props.FloatProperty(
        name="Sensor Width",
        description="Width in millimetres of the part of the sensor that the video shows, along its longer side",
        default=36.0,
        min=1.0,
        max=200.0,
        unit="CAMERA",
    )
    focal_px: bpy.props.FloatProperty(
        name="Focal Length",
        description="In pixels of the video",
        default=1000.0,
        min=10.0,
        max=100000.0,
    )
    calibration: bpy.props.StringProperty(name="File", description="The calibration file", subtype="FILE_PATH")
    camera_motion: bpy.props.EnumProperty(
        name="Camera Motion",
        description="Whether the camera moves while it films",
        default="auto",
        items=(
            ("auto", "Automatic", "The background shows whether it pans, tilts, zooms or shakes"),
            ("static", "Stands Still", "It does not move; the background is not looked at"),
            ("moving", "Moves", "It moves, however little"),
            ("carried", "Is Carried", "Somebody walks about with it: its path follows from people's steps"),
        ),
    )
    trajectory: bpy.props.EnumProperty(
        name="Path",
        description="Where people's paths are regenerated from the motion of their bodies, and fitted to the video",
        default="carried",
        items=(
            ("never", "As Seen", "The path that the video shows"),
            ("carried", "Where Camera Walks", "Where the camera is carried about, and the video shows no path"),
            ("auto", "Where Unsure", "Also where a person is hidden, their distance is unsure, or their feet slide"),
            ("always", "Everywhere", "In every frame"),
        ),
    )
    physics: bpy.props.EnumProperty(
        name="Physics",
        description="Whether a simulated body of the person's size follows the motion, so that it obeys gravity",
        default="never",
        items=(
            ("never", "Off", "The motion as it is"),
            ("auto", "Where It Helps", "Kept where feet then slide less and the motion stays the same"),
            ("always", "Everywhere", "Kept wherever the simulated body stays on its feet"),
        ),
    )
    smoothing_s: bpy.props.FloatProperty(
        name="Smoothing",
        description="Oscillations of this many seconds are halved and faster ones vanish; 0 keeps the motion as it is",
        default=0.2,
        min=0.0,
        max=5.0,
        step=5,
        precision=2,
    )
    lock_strength: bpy.props.FloatProperty(
        name="Lock Feet",
        description="How firmly feet that touch the floor stand still",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    lock_blend_s: bpy.props.FloatProperty(
        name="Blend",
        description="Seconds over which the lock fades before and after a contact",
        default=0.15,
        min=0.0,
        max=2.0,
        step=5,
        precision=2,
    )
    keys: bpy.props.EnumProperty(
        name="Keys",
        description="Where the keys lie on the timeline",
        items=(
            (
                "AS_SHOWN",
                "As the Strip Plays",
                "Where the strip shows each frame, trimmed, retimed or reversed as it is",
            ),
            ("REAL_TIME", "Real Time", "At the pace of the recording, whatever the strip does"),
        ),
    )
    root: bpy.props.EnumProperty(
        name="Root",
        description="What the root bone carries",
        items=(
            ("HEADING", "Position and Heading", "The place on the floor below the pelvis and where the person faces"),
            ("POSITION", "Position Only", "The place on the floor below the pelvis"),
        ),
    )


CLASSES: Final = (RecoverMotionSettings,)


def register() -> None:
    """Attach the settings to scenes."""
    bpy.types.Scene.recover_motion = bpy.props.PointerProperty(type=RecoverMotionSettings)


def unregister() -> None:
    """Detach them."""
    del bpy.types.Scene.recover_motion
