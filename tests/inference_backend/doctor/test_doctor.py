import importlib.metadata
import json
from pathlib import Path

import pytest

from inference_backend.doctor import files, machine, packages, report


def test_a_whole_installation_is_well(tmp_path, capsys):
    status = report.run_doctor(tmp_path / "cache", as_json=True)
    told = json.loads(capsys.readouterr().out)
    faults = [finding for finding in told["findings"] if not finding["ok"] and finding["necessary"]]
    assert (status, told["ok"], faults) == (0, True, [])
    subjects = {finding["subject"]: finding["state"] for finding in told["findings"]}
    assert subjects["torch"] == importlib.metadata.version("torch")
    assert {"python", "device", "open body", "pose model", "memory", "cache"} <= subjects.keys()
    assert report.run_doctor(tmp_path / "cache", as_json=False) == 0
    assert subjects["torch"] in capsys.readouterr().out


def test_what_is_missing_is_named_with_its_remedy(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(packages.PACKAGES, "a-package-that-nobody-wrote", "nothing")
    monkeypatch.setattr(packages, "PYTHONS", ((3, 5), (3, 6)))
    assert report.run_doctor(tmp_path, as_json=False) == 1
    text = capsys.readouterr().out
    assert "a-package-that-nobody-wrote" in text
    assert "not installed" in text
    assert "Use Python 3.5 to 3.6" in text


def test_a_package_that_cannot_be_loaded_is_found(tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('no such symbol')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(packages, "PACKAGES", {"numpy": "broken_module"})
    finding = packages.look_at_packages()[0]
    assert not finding.ok
    assert "no such symbol" in finding.state


def test_damaged_weights_and_bodies_are_found(tmp_path, monkeypatch):
    whole = sorted(files.WEIGHTS.glob("*.safetensors"))
    for path in whole:
        assert files._weights(path).ok
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
        assert not files._weights(tmp_path / path.name).ok
    (tmp_path / "x.safetensors").write_bytes(b"123")
    assert not files._weights(tmp_path / "x.safetensors").ok
    assert whole


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    finding = machine.look_at_disk(tmp_path / "file" / "cache")
    assert not finding.ok
    assert not finding.necessary


def test_memory_is_what_the_system_says():
    info = Path("/proc/meminfo")
    if not info.exists():
        pytest.skip("this system has no /proc/meminfo")
    kilobytes = int(info.read_text().split("MemTotal:")[1].split()[0])
    assert machine.total_memory() == pytest.approx(kilobytes * 1024, rel=0.05)
