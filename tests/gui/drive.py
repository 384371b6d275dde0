"""Runs inside Blender: sets the scene for a person's work with mouse and keys, and tells the outside what it sees.

Everything that a person would click is clicked from outside (`test_gui.py`); this script only prepares the window,
obeys requests for another layout, and writes what it observes to a file.
"""

import contextlib
import json
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path

import addon_utils
import bpy
from mathutils import Euler

ARGUMENTS = json.loads(sys.argv[sys.argv.index("--") + 1])
FOLDER = Path(ARGUMENTS["folder"])
DATA = Path(tempfile.gettempdir()) / "motion"
"""A short path, since the panel names it in sentences that are photographed."""
MAGENTA = (1.0, 0.0, 1.0, 1.0)


def package():
    addons = [addon.module for addon in bpy.context.preferences.addons]
    return sys.modules[next(name for name in addons if name.endswith("recover_motion"))]


def submodule(path):
    return sys.modules[f"{package().__name__}.{path}"]


def install():
    bpy.ops.extensions.package_install_files(
        filepath=ARGUMENTS["extension"], repo="user_default", enable_on_install=True, overwrite=True
    )
    locations = submodule("addon.setup.locations")
    locations.preferences().python = ARGUMENTS["python"]
    shutil.rmtree(DATA, ignore_errors=True)
    locations.preferences().data_folder = str(DATA)


def set_scene(name, video):
    scene = bpy.context.scene
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    scene.render.fps = 30
    scene.render.resolution_x, scene.render.resolution_y = 1280, 720
    editor = scene.sequence_editor_create()
    strips = getattr(editor, "strips", None) or editor.sequences
    strip = strips.new_movie(name, video, 1, 1)
    scene.frame_end = strip.frame_final_end - 1
    editor.active_strip = strip
    strip.select = True


def largest_area():
    return max(bpy.context.window_manager.windows[0].screen.areas, key=lambda a: a.width * a.height)


def show(kind):
    """One editor with its sidebar, beside an outliner that tells what is in the file."""
    area = largest_area()
    area.type = kind
    if kind == "SEQUENCE_EDITOR":
        area.spaces[0].view_type = "SEQUENCER_PREVIEW"
        area.spaces[0].timeline_overlay.show_strip_source = False
    else:
        area.spaces[0].shading.type = "SOLID"
        area.spaces[0].region_3d.view_perspective = "CAMERA"
    area.spaces[0].show_region_ui = True
    for region in area.regions:
        if region.type == "UI":
            with contextlib.suppress(AttributeError):  # read-only in older versions
                region.active_panel_category = "Motion"


def add_character():
    """A generated Rigify rig a metre beside the person, both selected, seen from the front."""
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    metarig = bpy.context.object
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    bpy.data.objects.remove(metarig)
    scene = bpy.context.scene
    person = next(o for o in scene.objects if o.type == "ARMATURE" and o.recover_motion.known)
    rig.location = person.location
    rig.location.x += 1.0
    for obj in scene.objects:
        obj.select_set(obj in (person, rig))
    bpy.context.view_layer.objects.active = rig
    middle = (scene.frame_start + scene.frame_end) // 2
    scene.frame_set(middle)
    view = largest_area().spaces[0].region_3d
    view.view_perspective = "PERSP"
    view.view_rotation = Euler((math.radians(80), 0, math.radians(12))).to_quaternion()
    view.view_location = person.matrix_world @ person.pose.bones["pelvis"].head
    view.view_location.x += 1.0
    view.view_distance = 5.5


def show_account():
    """Open, and with room for it. No operator opens a panel, but one that was never drawn before is open."""
    submodule("addon.recover.session").queue.jobs.clear()
    account = submodule("addon.cleanup.panel").RECOVERMOTION_PT_account
    names = ("bl_label", "bl_space_type", "bl_region_type", "bl_category", "bl_parent_id", "draw")
    bpy.utils.unregister_class(account)
    twin = type("RECOVERMOTION_PT_account_open", (bpy.types.Panel,), {name: getattr(account, name) for name in names})
    bpy.utils.register_class(twin)


def show_only(names):
    """Of the tab's panels in the 3D View only these, for which there is room. Those never drawn before are open."""
    ours = [cls for cls in bpy.types.Panel.__subclasses__() if cls.__name__.startswith("RECOVERMOTION_PT_")]
    in_view = [cls for cls in ours if cls.bl_space_type == "VIEW_3D"]
    for cls in reversed(in_view):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
    for cls in in_view:
        if cls.__name__.removeprefix("RECOVERMOTION_PT_") in names:
            cls.bl_options = set()
            bpy.utils.register_class(cls)


def paint_buttons(on):
    """Operators' buttons in magenta, so that they can be found in a screenshot."""
    theme = bpy.context.preferences.themes[0].user_interface.wcol_tool
    if on:
        paint_buttons.before = tuple(theme.inner), theme.show_shaded
        theme.inner, theme.show_shaded = MAGENTA, False
    else:
        theme.inner, theme.show_shaded = paint_buttons.before


def obey(request):
    kind, value = request["kind"], request["value"]
    if kind == "show":
        show(value)
    elif kind == "paint":
        paint_buttons(value)
    elif kind == "new scene":
        bpy.context.window.scene = bpy.data.scenes.new("Two")
        if hasattr(bpy.context.window.workspace, "sequencer_scene"):
            bpy.context.window.workspace.sequencer_scene = bpy.context.scene
        set_scene("two people", value)
    elif kind == "frame":
        bpy.context.scene.frame_set(value)
    elif kind == "frame without contact":
        armature = next(o for o in bpy.data.objects if o.type == "ARMATURE")
        scene = bpy.context.scene
        scene.frame_set(scene.frame_start + 5)
        while armature["contact_left_heel"] and scene.frame_current < scene.frame_end:
            scene.frame_set(scene.frame_current + 1)
    elif kind == "select":
        armature = next(o for o in bpy.context.scene.objects if o.type == "ARMATURE")
        bpy.context.view_layer.objects.active = armature
        armature.select_set(True)
    elif kind == "first scene":
        bpy.context.window.scene = bpy.data.scenes["Scene"]
    elif kind == "character":
        add_character()
    elif kind == "only panels":
        show_only(value)
    elif kind == "export folder":
        bpy.context.scene.recover_motion_export.folder = value
    elif kind == "show the account":
        show_account()
    elif kind == "forget the cache":
        shutil.rmtree(DATA / "cache")
        submodule("addon.recover.session").queue.jobs.clear()
    elif kind == "quit":
        bpy.ops.wm.quit_blender()


def observe():
    queue = submodule("addon.recover.session").queue
    jobs = [
        {
            "label": job.label,
            "state": str(job.state),
            "stage": job.stage,
            "overall": job.overall,
            "error": str(job.error or ""),
        }
        for job in queue.jobs
    ]
    armatures = [o for o in bpy.data.objects if o.type == "ARMATURE"]
    contact = None
    if armatures:
        contact = armatures[0].get("contact_left_heel")
    client = queue._client
    sidebar = next(region for region in largest_area().regions if region.type == "UI")
    top = bpy.context.window_manager.windows[0].height - sidebar.y - sidebar.height
    retargeting = bpy.context.scene.recover_motion_retarget
    pair = retargeting.active
    return {
        "jobs": jobs,
        "armatures": [o.name for o in armatures],
        "actions": [a.name for a in bpy.data.actions],
        "contact_left_heel": contact,
        "pair": pair and [pair.source.name, pair.target.name, pair.kind, pair.figures],
        "sidebar": [sidebar.x, top, sidebar.width, sidebar.height],
        "overlay": retargeting.overlay,
        "backend_pid": client.pid if client else None,
        "version": bpy.app.version_string,
    }


def tick():
    request_file = FOLDER / "request.json"
    if request_file.exists():
        request = json.loads(request_file.read_text())
        request_file.unlink()
        obey(request)
    (FOLDER / "state.tmp").write_text(json.dumps(observe() | {"time": time.time()}))
    (FOLDER / "state.tmp").replace(FOLDER / "state.json")
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            area.tag_redraw()
    return 0.25


def begin():
    install()
    set_scene("walk", ARGUMENTS["video"])
    show("SEQUENCE_EDITOR")
    bpy.app.timers.register(tick, first_interval=0.5, persistent=True)


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(begin, first_interval=1.0)
