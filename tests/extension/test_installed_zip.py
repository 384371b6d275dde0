"""The zip that an animator installs: what is in it, and a recovery from it in a fresh Blender."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / ".venv-backend" / "bin" / "python"
MODEL = "inference_backend/models/pose_landmarker/pose_landmarker_full.task"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A folder with the zip and the index of a repository that offers it."""
    if not (ROOT / MODEL).is_file():
        pytest.skip("the pose model is absent: `make models` builds it")
    folder = tmp_path_factory.mktemp("repository")
    build = [sys.executable, Path(__file__).with_name("build.py"), folder]
    subprocess.run(build, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def archive(repository):
    (path,) = repository.glob("recover_motion-*.zip")
    return path


def test_the_zip_holds_the_product_and_nothing_else(archive):
    with zipfile.ZipFile(archive) as zipped:
        names = set(zipped.namelist())
        assert zipped.testzip() is None
    assert {"__init__.py", "blender_manifest.toml", MODEL, "inference_backend/body/SMPLX_OPEN.npz"} <= names
    assert {"presets/quality/balanced.json", "inference_backend/environment/backend.lock"} <= names
    tops = {name.split("/")[0] for name in names}
    assert tops <= {"__init__.py", "blender_manifest.toml", "addon", "inference_backend", "presets"} | {
        "LICENSE",
        "README.md",
        "THIRD_PARTY.md",
    }
    unwanted = ("training/", "evaluation/", "build_open_body/", "__pycache__", ".pyc", "tests/", "sample.mp4")
    assert [name for name in names if any(part in name for part in unwanted)] == []


def imported(source, module):
    """Dotted names that a module of ours imports from our packages; names from inside modules included."""
    parents = module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*parents[: len(parents) - node.level + 1], *(node.module or "").split(".")]
            yield from (".".join(part for part in [*base, alias.name] if part) for alias in node.names)


def test_nothing_in_the_zip_needs_what_was_left_out(archive):
    with zipfile.ZipFile(archive) as zipped:
        names = {name for name in zipped.namelist() if name.endswith(".py")}
        there = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in names}
        missing = [
            f"{name} imports {target}"
            for name in names
            for target in imported(zipped.read(name), name.removesuffix(".py").replace("/", "."))
            if target not in there and target.rpartition(".")[0] not in there
        ]
    assert missing == []


def test_blender_s_own_check_passes(archive):
    tool = subprocess.run(
        [sys.executable, Path(__file__).with_name("build.py"), "--validate", archive],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert tool.returncode == 0, tool.stdout + tool.stderr


def test_the_index_of_a_repository_offers_it(repository, archive):
    index = json.loads((repository / "index.json").read_text(encoding="utf-8"))
    (offered,) = index["data"]
    assert offered["id"] == "recover_motion"
    assert archive.name in offered["archive_url"]
    assert offered["archive_size"] == archive.stat().st_size


INSTALLED = """
import json, os, sys
from pathlib import Path
import bpy

archive, python, video, out = sys.argv[1:]
bpy.ops.preferences.addon_enable(module="bl_pkg") if "bl_pkg" not in bpy.context.preferences.addons else None
bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
name = next(name for name in bpy.context.preferences.addons.keys() if name.endswith(".recover_motion"))
folder = Path(sys.modules[name].__file__).parent

def listing():
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc")

def bytecode():
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*.pyc"))

before, bytecode_before = listing(), bytecode()
bpy.context.preferences.addons[name].preferences.python = python
scene = bpy.context.scene
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
strip = strips.new_movie("walk", video, channel=1, frame_start=1)
editor.active_strip = strip
strip.select = True
status = bpy.ops.recover_motion.recover("EXEC_DEFAULT")
armature = next(o for o in bpy.data.objects if o.type == "ARMATURE" and o.recover_motion.known)
Path(out).write_text(json.dumps({
    "module": name,
    "status": sorted(status),
    "folder": str(folder),
    "result": armature.recover_motion.folder,
    "written": [p for p in listing() if p not in before],
    "bytecode": [p for p in bytecode() if p not in bytecode_before and p.startswith("inference_backend/stages")],
}), encoding="utf-8")
bpy.ops.preferences.addon_disable(module=name)
os._exit(0)  # Blender as a module can wait for ever in a destructor, see tests/addon/conftest.py
"""


def test_a_recovery_from_the_installed_zip_writes_nothing_beside_it(archive, tmp_path):
    if not BACKEND.exists():
        pytest.skip(f"the backend's environment is absent: {BACKEND}")
    user = tmp_path / "user ü"
    user.mkdir()
    script, out = tmp_path / "installed.py", tmp_path / "out.json"
    script.write_text(INSTALLED, encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RECOVER_MOTION")}
    environment["BLENDER_USER_RESOURCES"] = str(user)
    video = ROOT / "tests" / "sample" / "sample.mp4"
    run = subprocess.run(
        [sys.executable, script, archive, BACKEND, video, out],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert out.is_file(), run.stdout + run.stderr
    said = json.loads(out.read_text(encoding="utf-8"))
    assert said["module"] == "bl_ext.user_default.recover_motion"
    assert said["status"] == ["FINISHED"]
    assert said["folder"].startswith(str(user))
    assert said["result"].startswith(str(user))
    assert not said["result"].startswith(said["folder"] + os.sep)
    assert said["written"] == []
    assert said["bytecode"] == []
