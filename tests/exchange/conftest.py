"""Files that were exported once, for the programs that read them: the sample's exact motion, 210 frames at 30 fps."""

import bpy
import numpy as np
import pytest
import recover_motion
from recover_motion.addon.core.export.root_motion import RootMode
from recover_motion.addon.export.clips import shown_clip
from recover_motion.addon.export.export import export_file

from tests.addon.export.exported_person import BONES, build_people, preset_and_options
from tests.addon.synthetic_result import PlainBody
from tests.conftest import ROOT


class Exported:
    """The person in Blender, and files of every preset, written when they are first asked for.

    Attributes:
        names: of the bones.
        seconds: from the first frame to the last.
        travelled_m: between first and last place on the floor.
        height_m: of the body at rest.
    """

    def __init__(self, folder):
        self.folder = folder
        self._files = {}
        with np.load(ROOT / "tests" / "sample" / "reference.npz") as reference:
            motion = {key: reference[key] for key in ("global_orient", "body_pose", "transl")}
            hands = {key: reference[key] for key in ("left_hand_pose", "right_hand_pose")}
            fps, betas = float(reference["fps"]), reference["betas"]
        count = len(motion["transl"])
        motion |= {key: np.tile(pose, (count, 1, 1)) for key, pose in hands.items()}
        bpy.ops.wm.read_factory_settings(use_empty=True)
        [self.person] = build_people(bpy.context.scene, folder / "result", PlainBody(), [motion], fps=fps, betas=betas)
        self.person.armature.recover_motion.folder = "a result"  # known as ours
        self.fps, self.count = fps, count
        self.names = sorted(BONES)
        self.seconds = (count - 1) / fps
        pelvis = self.person.joint("pelvis")[:, :2]
        self.travelled_m = float(np.linalg.norm(pelvis[-1] - pelvis[0]))
        self.height_m = self.person.height

    def file(self, name, **changes):
        """The preset, and its file with root motion unless said otherwise."""
        key = (name, *changes.items())
        preset, options = preset_and_options(name, **{"motion": RootMode.ROOT_MOTION, "fps": None} | changes)
        if key not in self._files:
            path = self.folder / f"{name}{len(self._files)}.{preset.file}"
            clips = [shown_clip(self.person.armature)]
            export_file(path, self.person.armature, self.person.scene, clips, preset, options)
            self._files[key] = path
        return preset, self._files[key]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOVER_MOTION_DATA", str(folder))
        recover_motion.register()
        yield Exported(folder)
        recover_motion.unregister()
