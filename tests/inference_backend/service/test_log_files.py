import logging
import tempfile

import pytest

from inference_backend.service.logs import start_log


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    level, handlers, raising = root.level, list(root.handlers), logging.raiseExceptions
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.raiseExceptions = raising
    logging.captureWarnings(False)


def test_only_the_latest_logs_are_kept_and_nothing_else_is_touched(tmp_path):
    for day in range(10, 32):
        (tmp_path / f"backend-202001{day}-120000-1.log").write_text("old")
    (tmp_path / "backend-output.log").write_text("another program's")
    new = start_log(None, tmp_path)
    ours = sorted(path.name for path in tmp_path.glob("backend-2*.log"))
    assert len(ours) == 20
    assert new.name in ours
    assert "backend-20200131-120000-1.log" in ours
    assert "backend-20200110-120000-1.log" not in ours
    assert (tmp_path / "backend-output.log").exists()


def test_lines_and_tracebacks_reach_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "日志" / "my.log"
    assert start_log(path, tmp_path) == path
    try:
        raise ValueError("on purpose 名")
    except ValueError:
        logging.getLogger("some.library").exception("it failed")
    text = path.read_text(encoding="utf-8")
    assert "it failed" in text
    assert "Traceback" in text
    assert "on purpose 名" in text


def test_a_folder_that_cannot_be_used_is_replaced_by_a_temporary_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "file").write_bytes(b"")
    path = start_log(None, tmp_path / "file" / "logs")
    assert path.parent == tmp_path / "temporary" / "recover-motion"
    assert path.exists()
