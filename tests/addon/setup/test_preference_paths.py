"""Paths in the preferences outlive the .blend file that they were chosen beside."""

from types import SimpleNamespace

import bpy
from recover_motion.addon.setup import preferences


def test_a_path_beside_the_blend_file_becomes_absolute_and_others_stay(tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    for typed, kept in (("//data", str(tmp_path / "data")), ("/srv/data", "/srv/data"), ("", "")):
        chosen = SimpleNamespace(data_folder=typed)
        preferences._make_absolute("data_folder")(chosen, bpy.context)
        assert chosen.data_folder == kept
