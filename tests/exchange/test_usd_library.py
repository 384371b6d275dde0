"""Exported USD files as OpenUSD's own library reads them (PyPI: usd-core)."""

import json
import os
import subprocess
import sys

import pytest
from recover_motion.addon.core.export.root_motion import RootMode

# in a process of its own: Blender carries another build of the same library
_READ = """
import json, sys
from pxr import Usd, UsdGeom, UsdSkel
stage = Usd.Stage.Open(sys.argv[1])
found = {"up": str(UsdGeom.GetStageUpAxis(stage)), "metres": UsdGeom.GetStageMetersPerUnit(stage)}
found["rate"] = [stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()]
for prim in stage.Traverse():
    if prim.IsA(UsdSkel.Skeleton):
        found["joints"] = list(UsdSkel.Skeleton(prim).GetJointsAttr().Get())
        query = UsdSkel.Cache().GetSkelQuery(UsdSkel.Skeleton(prim))
        root = found["joints"].index("root")
        places = UsdGeom.XformCache()
        found["root"] = []
        for time in (found["rate"][1], found["rate"][2]):
            places.SetTime(time)
            matrix = query.ComputeJointSkelTransforms(time)[root] * places.GetLocalToWorldTransform(prim)
            found["root"].append(list(matrix.ExtractTranslation()))
    if prim.IsA(UsdGeom.Mesh):
        points = [point[2] for point in UsdGeom.Mesh(prim).GetPointsAttr().Get(0)]
        found["height"] = max(points) - min(points)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def python():
    """An interpreter that has usd-core."""
    for candidate in (os.environ.get("RECOVER_MOTION_USD_PYTHON"), sys.executable):
        if candidate:
            command = [candidate, "-c", "from pxr import Usd, UsdSkel, UsdGeom"]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return candidate
    pytest.skip("no interpreter with usd-core: `make test-exchange` makes one, or name it in RECOVER_MOTION_USD_PYTHON")


def test_bones_root_motion_duration_and_height(exported, python):
    preset, path = exported.file("usd", motion=RootMode.AS_ANIMATED)
    done = subprocess.run([python, "-c", _READ, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["up"], found["metres"]) == (preset.up, pytest.approx(preset.unit_m))
    assert sorted(joint.rpartition("/")[2] for joint in found["joints"]) == exported.names
    assert [joint for joint in found["joints"] if "/" not in joint] == ["root"]
    rate, start, end = found["rate"]
    assert (end - start) / rate == pytest.approx(exported.seconds, abs=1 / exported.fps)
    first, last = found["root"]
    moved = sum((b - a) ** 2 for a, b in zip(first, last, strict=True)) ** 0.5
    assert moved == pytest.approx(exported.travelled_m, rel=0.01)
    assert found["height"] == pytest.approx(exported.height_m, rel=0.01)
