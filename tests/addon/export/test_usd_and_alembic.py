"""USD and Alembic files, read back by Blender; `tests/exchange` reads USD with its own library."""

import bpy
import numpy as np
from recover_motion.addon.core.export.root_motion import RootMode
from recover_motion.addon.export.clips import shown_clip
from recover_motion.addon.export.export import export_file

from tests.addon.export.exported_person import FIRST, preset_and_options

STAYS = {"motion": RootMode.AS_ANIMATED, "start_at_origin": False}


def test_usd_and_alembic_move_as_recovered(person, tmp_path):
    for name in ("usd", "alembic"):
        preset, options = preset_and_options(name, **STAYS)
        path = tmp_path / f"{name}.{preset.file}"
        export_file(path, person.armature, person.scene, [shown_clip(person.armature)], preset, options)

    def vertices(obj):
        seen = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.empty(3 * len(seen.data.vertices), dtype=np.float32)
        seen.data.vertices.foreach_get("co", points)
        place = np.array(seen.matrix_world)
        return points.reshape(-1, 3) @ place[:3, :3].T + place[:3, 3]

    expected = {}
    for frame in (0, 14, 29):
        person.scene.frame_set(FIRST + frame)
        expected[frame] = vertices(person.mesh)
    readers = {
        "usd": lambda path: bpy.ops.wm.usd_import(filepath=path),
        "abc": lambda path: bpy.ops.wm.alembic_import(filepath=path, as_background_job=False),
    }
    for name, suffix in (("usd", "usd"), ("alembic", "abc")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 30
        readers[suffix](str(tmp_path / f"{name}.{suffix}"))
        [mesh] = [obj for obj in bpy.data.objects if obj.type == "MESH"]
        for frame, points in expected.items():
            bpy.context.scene.frame_set(frame)
            assert np.abs(vertices(mesh) - points).max() < 1e-3, (name, frame)
