"""The operators of the clean-up: mark a contact, clean again."""

import time
from typing import Final

import bpy

from ...inference_backend.protocol.errors import RecoverError
from ..core.contacts import FEET, span_at
from ..jobs.job import Job, JobState
from ..recover import session
from ..recover.request import cleaning_settings
from .clean import cleaning_job
from .contact_keys import contact_keys, mark_contact

_FEET: Final = (
    ("LEFT", "Left Foot", "Heel and toe of the left foot"),
    ("RIGHT", "Right Foot", "Heel and toe of the right foot"),
    ("LEFT_HEEL", "Left Heel", "Only the heel of the left foot"),
    ("LEFT_TOE", "Left Toe", "Only the toe of the left foot"),
    ("RIGHT_HEEL", "Right Heel", "Only the heel of the right foot"),
    ("RIGHT_TOE", "Right Toe", "Only the toe of the right foot"),
)
_DEFAULT_LENGTH: Final = 6


def recovered_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The active object when it is an armature of ours, or the armature of the body that is active."""
    obj = context.object
    if obj is not None and obj.type == "MESH":
        obj = obj.find_armature()
    return obj if obj is not None and obj.type == "ARMATURE" and obj.recover_motion.known else None


class _ForRecovered:
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An armature of ours is active."""
        if recovered_armature(context) is None:
            cls.poll_message_set("Select a recovered armature, or its body.")
            return False
        return True


class RecoverMotionMarkContact(_ForRecovered, bpy.types.Operator):
    """Say when a foot stands on the floor. Clean the motion again for it to be locked there"""

    bl_idname = "recover_motion.mark_contact"
    bl_label = "Mark Contact"
    bl_options: Final = {"REGISTER", "UNDO"}

    foot: bpy.props.EnumProperty(name="Foot", items=_FEET)
    start: bpy.props.IntProperty(name="First Frame", description="First scene frame of the span")
    end: bpy.props.IntProperty(name="Last Frame", description="Last scene frame of the span")
    contact: bpy.props.BoolProperty(name="On the Floor", description="Off: the foot is free there", default=True)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the span; it starts as the contact under the playhead, or a few frames from there."""
        now = context.scene.frame_current
        keys = contact_keys(recovered_armature(context))
        span = next((s for p in FEET[self.foot] if p in keys and (s := span_at(*keys[p], now))), None)
        if span is None:
            span = now, now + _DEFAULT_LENGTH
        self.start = int(span[0])
        self.end = int(min(span[1], context.scene.frame_end + 1)) - 1
        return context.window_manager.invoke_props_dialog(self)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the span."""
        try:
            armature = recovered_armature(context)
            mark_contact(armature, FEET[self.foot], self.start, self.end + 1, contact=self.contact)
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class RecoverMotionClean(_ForRecovered, bpy.types.Operator):
    """Lock the feet anew with these contacts and settings. Only this armature's action is replaced"""

    bl_idname = "recover_motion.clean"
    bl_label = "Clean Again"
    bl_options: Final = set()  # not REGISTER: Repeat Last executes, and so would wait, with Blender frozen meanwhile

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start, and return at once."""
        return {"FINISHED"} if self._start(context) else {"CANCELLED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Start, and wait for the result (scripts)."""
        job = self._start(context)
        if job is None:
            return {"CANCELLED"}
        session.wait(job)
        if job.error is not None:
            self.report({"ERROR"}, str(job.error))
        return {"FINISHED"} if job.state is JobState.DONE else {"CANCELLED"}

    def _start(self, context: bpy.types.Context) -> Job | None:
        armature = recovered_armature(context)
        name = f"{time.strftime('%Y-%m-%d %H.%M.%S')} clean {len(session.queue.jobs) + 1}"
        cleaning = cleaning_settings(context.scene.recover_motion)
        try:
            job = cleaning_job(name, armature, cleaning, context.scene)
            session.submit(job)
        except RecoverError as error:
            self.report({"ERROR"}, str(error))
        except OSError as error:
            remedy = "See to it that the disk is not full and that you may write there."
            self.report({"ERROR"}, f"The cleaning cannot be prepared: {error}. {remedy}")
        else:
            return job
        return None


CLASSES: Final = (RecoverMotionMarkContact, RecoverMotionClean)
