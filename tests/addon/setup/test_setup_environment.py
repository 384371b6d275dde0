import base64
import hashlib
import subprocess
import sys
import time
import zipfile

import pytest
from recover_motion.addon.setup.environment import Environment, Requirements, State
from recover_motion.addon.setup.installer import Installer, Source
from recover_motion.addon.setup.variants import Variant, variant, variants

TINY = Variant("cpu", "CPU", "for tests", "", 1, 1)


def write_wheel(folder, name, version):
    """A real, minimal wheel with one module of the package's name."""
    files = {
        f"{name}.py": f"__version__ = '{version}'\n",
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}")
    files[record] = "\n".join([*lines, f"{record},,"]) + "\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels 包"
    folder.mkdir()
    for name, version in (("numpy", "9.9.9"), ("torch", "8.8.8")):
        write_wheel(folder, name, version)
    return folder


@pytest.fixture
def requirements(tmp_path, wheels):
    digest = hashlib.sha256((wheels / "numpy-9.9.9-py3-none-any.whl").read_bytes()).hexdigest()
    lock, torch = tmp_path / "backend.lock", tmp_path / "torch.txt"
    lock.write_text(f"numpy==9.9.9 --hash=sha256:{digest}\n")
    torch.write_text("torch==8.8.8\n")
    return Requirements(lock, torch)


def install(environment, requirements, wheels):
    installer = Installer(environment, requirements, TINY, Source(base_python=sys.executable, wheels=wheels))
    installer.start()
    installer.join(120)
    return installer.poll()


def test_an_environment_is_built_offline_and_used_again(tmp_path, wheels, requirements):
    environment = Environment(tmp_path / "environment with spaces ü")
    assert environment.state(requirements) is State.MISSING
    reports = install(environment, requirements, wheels)
    assert reports[-1].done
    assert reports[-1].error == ""
    assert [r.fraction for r in reports] == sorted(r.fraction for r in reports)
    assert environment.state(requirements) is State.READY
    command = [str(environment.python), "-c", "import torch, numpy; print(torch.__version__, numpy.__version__)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["8.8.8", "9.9.9"]

    requirements.torch.write_text("torch==8.8.9\n")
    assert environment.state(requirements) is State.OUTDATED
    environment.remove()
    assert not environment.folder.exists()


def test_a_wheel_that_was_tampered_with_is_refused(tmp_path, wheels, requirements):
    write_wheel(wheels, "numpy", "9.9.9").write_bytes(b"not the locked file")
    environment = Environment(tmp_path / "environment")
    last = install(environment, requirements, wheels)[-1]
    assert last.done
    assert "Installing packages failed" in last.error
    assert last.remedy
    assert environment.state(requirements) is State.INCOMPLETE


def test_cancel_leaves_an_environment_that_can_be_continued(tmp_path, wheels, requirements):
    environment = Environment(tmp_path / "environment")
    installer = Installer(environment, requirements, TINY, Source(base_python=sys.executable, wheels=wheels))
    installer.start()
    reports = []
    while not reports:
        reports = installer.poll()
        time.sleep(0.01)
    installer.cancel()
    installer.join(30)
    assert "cancelled" in installer.poll()[-1].error
    assert environment.state(requirements) is State.INCOMPLETE
    assert install(environment, requirements, wheels)[-1].error == ""
    assert environment.state(requirements) is State.READY


def test_too_little_disk_space_is_said_before_anything_is_written(tmp_path, wheels, requirements):
    environment = Environment(tmp_path / "environment")
    huge = Variant("cpu", "CPU", "", "", 1, 10**9)
    installer = Installer(environment, requirements, huge, Source(sys.executable, wheels))
    installer.start()
    installer.join(30)
    (report,) = installer.poll()
    assert "MB free" in report.error
    assert not environment.folder.exists()


def test_a_folder_without_wheels_is_named(tmp_path, requirements):
    empty = tmp_path / "empty"
    empty.mkdir()
    report = install(Environment(tmp_path / "environment"), requirements, empty)[-1]
    assert str(empty) in report.error


def test_a_folder_that_is_not_ours_is_never_removed(tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(PermissionError, match="left alone"):
        Environment(tmp_path).remove()
    assert (tmp_path / "diary.txt").exists()


def test_each_platform_has_a_variant_and_windows_names_a_cuda_index():
    assert [v.name for v in variants("darwin")] == ["macos"]
    assert variant("cuda", "win32").torch_index.endswith("/cu130")
    assert variant("cpu", "linux").torch_index.endswith("/cpu")
