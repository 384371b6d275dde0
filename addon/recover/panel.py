"""The tab "Motion": the strip in hand, settings, the button, and the jobs."""

from typing import Final

import bpy

from ...inference_backend.protocol.estimators import offer
from ..jobs.job import Job, JobState
from ..setup.locations import backend_problem
from ..wrapped_label import wrapped
from . import session
from .ops import RecoverMotionCancel, RecoverMotionDismiss, RecoverMotionRecover, sequencer_scene
from .strip import chosen_strip, strip_problem

_STAGES: Final = {
    "": "Starting the backend",
    "frames": "Reading the video",
    "shots": "Finding cuts",
    "people": "Finding people",
    "background": "Following the background",
    "camera": "Finding the camera",
    "estimate": "Recovering poses",
    "convert": "Fitting the chosen body",
    "world": "Placing people on the floor",
    "trajectory": "Finding people's paths",
    "contacts": "Finding foot contacts",
    "foot_lock": "Locking feet",
    "physics": "Simulating bodies",
    "result": "Writing the result",
    "scene": "Building the scene",
}


class _Panel:
    bl_region_type = "UI"
    bl_category = "Motion"


class _MainPanel(_Panel):
    bl_label = "Recover Motion"

    def draw(self, context: bpy.types.Context) -> None:
        """The strip, the button and the jobs."""
        layout = self.layout
        width = context.region.width
        strip = chosen_strip(context)
        if problem := strip_problem(strip):
            wrapped(layout, problem, "INFO", width)
        else:
            layout.label(text=strip.name, icon="FILE_MOVIE" if strip.type == "MOVIE" else "FILE_IMAGE")
        if error := backend_problem():
            wrapped(layout, f"{error.sentence} {error.remedy}", "ERROR", width)
            layout.operator("recover_motion.open_preferences", icon="PREFERENCES")
            return
        settings = sequencer_scene(context).recover_motion
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "people")
        column.prop(settings, "quality")
        row = layout.row()
        row.scale_y = 1.5
        row.operator(RecoverMotionRecover.bl_idname, icon="ARMATURE_DATA")
        for job in session.queue.jobs:
            _draw_job(layout, job, width)


def _draw_job(layout: bpy.types.UILayout, job: Job, width: int) -> None:
    box = layout.box()
    row = box.row()
    row.label(text=job.label, icon=_ICONS[job.state])
    if not job.active:
        row.operator(RecoverMotionDismiss.bl_idname, text="", icon="X", emboss=False).job = job.name
    if job.active:
        _draw_progress(box, job)
    elif job.state is JobState.CANCELLED:
        box.label(text="Cancelled; what was finished is kept.")
    elif job.summary:
        box.label(text=job.summary)
    if job.error is not None:
        wrapped(box, job.error.sentence, "ERROR", width)
        wrapped(box, job.error.remedy, "INFO", width)
    for note in job.notes:
        wrapped(box, note, "INFO", width)


_ICONS: Final = {
    JobState.WAITING: "TIME",
    JobState.RUNNING: "PLAY",
    JobState.BUILDING: "PLAY",
    JobState.DONE: "CHECKMARK",
    JobState.FAILED: "ERROR",
    JobState.CANCELLED: "CANCEL",
}


def _draw_progress(box: bpy.types.UILayout, job: Job) -> None:
    if job.state is JobState.WAITING and session.queue.running and job is not _first_active():
        box.label(text="Waiting for its turn")
    else:
        box.label(text=_STAGES.get(job.stage, job.stage))
        fraction = job.fraction if job.state is JobState.BUILDING else job.overall
        box.progress(factor=fraction, text=f"{fraction:.0%}", type="BAR")
        details = []
        if job.frames_per_second:
            details.append(f"{job.frames_per_second:.0f} frames/s")
        if job.seconds_left is not None:
            details.append(f"{spoken_time(job.seconds_left)} left")
        box.label(text=", ".join(details))
    if job.cancelling:
        box.label(text="Ending ...", icon="CANCEL")
    elif job.state is not JobState.BUILDING:
        box.operator(RecoverMotionCancel.bl_idname, icon="CANCEL").job = job.name


def _first_active() -> Job | None:
    return next((job for job in session.queue.jobs if job.active), None)


def spoken_time(seconds: float) -> str:
    """`42 s`, `3 min 10 s`, `1 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _SettingsPanel(_Panel):
    bl_label = "Settings"
    bl_options: Final = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Everything that seldom changes."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = sequencer_scene(context).recover_motion
        layout.prop(settings, "estimator")
        for part in offer(settings.estimator).weights:
            layout.prop(settings, f"{part}_weights")
        if offer(settings.estimator).weights:
            layout.prop(settings, "estimator_body")
        layout.prop(settings, "body")
        layout.prop(settings, "device")
        column = layout.column()
        column.prop(settings, "camera")
        match settings.camera:
            case "LENS":
                column.prop(settings, "lens_mm")
                column.prop(settings, "sensor_mm")
            case "PIXELS":
                column.prop(settings, "focal_px")
            case "FILE":
                column.prop(settings, "calibration")
        column.prop(settings, "camera_motion")
        layout.prop(settings, "trajectory")
        column = layout.column()
        column.prop(settings, "lock_strength")
        column.prop(settings, "lock_blend_s")
        column.prop(settings, "smoothing_s")
        column.prop(settings, "physics")
        column = layout.column()
        column.prop(settings, "keys")
        column.prop(settings, "root")


class RECOVERMOTION_PT_sequencer(_MainPanel, bpy.types.Panel):  # noqa: N801  Blender's naming rule for panels
    """In the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"


class RECOVERMOTION_PT_sequencer_settings(_SettingsPanel, bpy.types.Panel):  # noqa: N801
    """In the Sequencer."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_parent_id = "RECOVERMOTION_PT_sequencer"


class RECOVERMOTION_PT_view3d(_MainPanel, bpy.types.Panel):  # noqa: N801
    """In the 3D View."""

    bl_space_type = "VIEW_3D"


class RECOVERMOTION_PT_view3d_settings(_SettingsPanel, bpy.types.Panel):  # noqa: N801
    """In the 3D View."""

    bl_space_type = "VIEW_3D"
    bl_parent_id = "RECOVERMOTION_PT_view3d"


CLASSES: Final = (
    RECOVERMOTION_PT_sequencer,
    RECOVERMOTION_PT_sequencer_settings,
    RECOVERMOTION_PT_view3d,
    RECOVERMOTION_PT_view3d_settings,
)
