"""Blender's skin against the backend's body, each in its own Python."""

import subprocess
from pathlib import Path

import bpy
import numpy as np
import pytest
from recover_motion.addon.core.timing import real_time
from recover_motion.addon.result.body_file import read_body
from recover_motion.addon.result.scene import BuildSettings, build_take, finish
from recover_motion.inference_backend.protocol.result_format import load_result

from tests.addon.synthetic_result import Clip, write_result

ROOT = Path(__file__).resolve().parents[3]
BACKEND_PYTHON = [ROOT / ".venv-backend" / "bin" / "python", ROOT / ".venv-backend" / "Scripts" / "python.exe"]
POSES = 20

# One person for each shape; relaxed hands, as the backend gives them.
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import roma
import torch
from inference_backend.body.body import Body
from inference_backend.body.export import export_person_body

folder = Path(sys.argv[1])
given = np.load(folder / "given.npz")
body = Body.load()
export_person_body(body, folder / "body.npz", {i: betas for i, betas in enumerate(given["betas"])})
turn = lambda name: roma.rotvec_to_rotmat(torch.from_numpy(given[name]).float())
out = body(
    torch.from_numpy(given["betas"]).float(),
    turn("global_orient"),
    turn("body_pose"),
    torch.from_numpy(given["transl"]).float(),
)
np.savez(folder / "posed.npz", vertices=out.vertices.numpy())
"""


def test_blender_s_skin_is_the_backend_s_within_a_tenth_of_a_millimetre(scene, tmp_path, plain_body, rng):
    python = next((path for path in BACKEND_PYTHON if path.exists()), None)
    if python is None:
        pytest.skip("the backend's environment .venv-backend is absent: run `make test-backend` first")
    given = {
        "betas": rng.normal(0, 1.2, (POSES, 10)),
        "global_orient": rng.normal(0, 1.5, (POSES, 3)),
        "body_pose": rng.normal(0, 0.5, (POSES, 21, 3)),
        "transl": rng.normal(0, 1.0, (POSES, 3)),
    }
    np.savez(tmp_path / "given.npz", **given)
    subprocess.run([python, "-c", SCRIPT, tmp_path], cwd=ROOT, check=True)
    body = read_body(tmp_path / "body.npz")
    with np.load(tmp_path / "body.npz") as file:
        hands = {key: file[key] for key in ("left_hand_pose", "right_hand_pose")}
    people = {
        i: {
            "betas": given["betas"][i],
            "motion": {key: given[key][i : i + 1] for key in ("global_orient", "body_pose", "transl")}
            | {key: hand[None] for key, hand in hands.items()},
        }
        for i in range(POSES)
    }
    result, _ = write_result(tmp_path / "result", Clip(np.zeros(1), people=people), plain_body)
    recovered = load_result(result)
    times = real_time(recovered.time_s, 24, 1)
    take = finish(build_take(scene, recovered, body, times, BuildSettings("poses")))
    scene.frame_set(1)
    graph = bpy.context.evaluated_depsgraph_get()
    expected = np.load(tmp_path / "posed.npz")["vertices"]
    for i, person in enumerate(take.people):
        mesh = person.mesh.evaluated_get(graph).to_mesh()
        flat = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", flat)
        x, y, z = expected[i].T
        assert np.abs(flat.reshape(-1, 3) - np.stack([x, -z, y], axis=-1)).max() < 1e-4
