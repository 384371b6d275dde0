"""A person's work in a real Blender window, with mouse and keys. Run by `make test-gui`; see docs/addon.md."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

pytestmark = pytest.mark.skipif(
    "RECOVER_MOTION_GUI" not in os.environ, reason="needs a Blender with a window: run `make test-gui`"
)


@pytest.fixture(scope="module")
def screen():
    from screen import Screen, wait_for

    folder = ROOT / "build" / "gui" / time.strftime("%H%M%S")
    folder.mkdir(parents=True)
    screen = Screen(folder, os.environ.get("RECOVER_MOTION_CHROOT"))
    screen.start_blender(
        os.environ["RECOVER_MOTION_GUI"],
        ROOT / "tests" / "gui" / "drive.py",
        folder=str(folder),
        extension=str(next((ROOT / "dist").glob("recover_motion-*.zip"))),
        python=str(ROOT / ".venv-backend" / "bin" / "python"),
        video=str(ROOT / "tests" / "sample" / "sample.mp4"),
    )
    try:
        wait_for(lambda: (folder / "state.json").exists(), 120)
        time.sleep(2)
        screen.ask("show", "SEQUENCE_EDITOR")  # a tab can be chosen once it was drawn
        yield screen
    finally:
        screen.close()


def job(screen):
    return screen.state()["jobs"][-1]


def test_strip_click_cancel_run_again_edit_contact_and_clean(screen):
    from screen import wait_for

    screen.shot("1 before")
    recover = max(screen.buttons(), key=lambda r: r[3])
    screen.press(recover)
    wait_for(lambda: job(screen)["stage"] == "people", 180)
    screen.shot("2 running")
    cancel = next(r for r in screen.buttons() if r[1] > recover[1])
    screen.press(cancel)
    wait_for(lambda: job(screen)["state"] == "cancelled", 30)
    screen.shot("3 cancelled")

    screen.press(recover)
    wait_for(lambda: len(screen.state()["jobs"]) == 2, 10)
    wait_for(lambda: job(screen)["state"] == "done", 600)
    assert len(screen.state()["armatures"]) == 1
    screen.shot("4 done in the sequencer")

    for _ in range(2):  # a tab can be chosen once it was drawn
        screen.ask("show", "VIEW_3D")
    screen.ask("select")
    screen.ask("frame without contact")
    assert screen.state()["contact_left_heel"] == 0
    screen.shot("5 result in the 3D view")
    _, contacts, clean, *_ = screen.buttons()
    x, y, width, height = contacts
    left_contact = x, y, width // 2, height
    before = screen.state()["actions"]
    screen.press(left_contact)
    time.sleep(1.5)
    screen.shot("6 contact dialog")
    screen.key("Return")
    wait_for(lambda: screen.state()["contact_left_heel"] == 1, 20)
    screen.press(clean)
    wait_for(lambda: len(screen.state()["jobs"]) == 3 and job(screen)["state"] == "done", 120)
    screen.shot("7 cleaned again")
    assert screen.state()["actions"] == before


def test_a_killed_backend_is_explained_and_the_next_click_goes_on(screen):
    from screen import wait_for

    screen.ask("show", "SEQUENCE_EDITOR")
    screen.ask("forget the cache")
    recover = max(screen.buttons(), key=lambda r: r[3])
    screen.press(recover)
    wait_for(lambda: job(screen)["stage"] == "people", 180)
    os.kill(screen.state()["backend_pid"], signal.SIGKILL)
    wait_for(lambda: job(screen)["state"] == "failed", 30)
    assert "finished stages are kept" in job(screen)["error"]
    time.sleep(1.5)
    screen.shot("8 error")
    screen.press(recover)
    wait_for(lambda: job(screen)["state"] == "done", 600)
    assert len(screen.state()["armatures"]) == 2


def test_two_people_in_a_scene_of_their_own(screen):
    from screen import wait_for

    movie = screen.folder / "two.mp4"
    subprocess.run([sys.executable, ROOT / "tests/addon/recover/write_two_people_movie.py", movie], check=True)
    screen.ask("show", "SEQUENCE_EDITOR")
    screen.ask("new scene", str(movie))
    there = len(screen.state()["armatures"])
    screen.press(max(screen.buttons(), key=lambda r: r[3]))
    wait_for(lambda: len(screen.state()["armatures"]) == there + 2 and job(screen)["state"] == "done", 600)
    for _ in range(2):
        screen.ask("show", "VIEW_3D")
    screen.ask("frame", 50)
    screen.ask("select")
    screen.ask("show the account")
    time.sleep(3)  # for the panels to be drawn anew
    screen.shot("9 two people")


def test_a_character_follows_and_both_are_exported(screen):
    from screen import wait_for

    screen.ask("first scene")
    if not screen.state()["armatures"]:  # when this test runs by itself
        screen.press(max(screen.buttons(), key=lambda r: r[3]))
        wait_for(lambda: screen.state()["armatures"] and job(screen)["state"] == "done", 600)
    for _ in range(2):
        screen.ask("show", "VIEW_3D")
    screen.ask("character")
    screen.ask("only panels", ["retarget", "retarget_map"])
    screen.open_first_panel()
    x, y, width, _ = screen.buttons(at_least=12)[0]  # the column that begins with "+"
    screen.click(x + width // 2, y + width // 2)
    wait_for(lambda: screen.state()["pair"], 60)
    _, rig, kind, _ = screen.state()["pair"]
    assert (rig, kind) == ("rig", "Rigify")
    time.sleep(1.5)
    screen.press_until(lambda: retarget_and_check(screen)[0], lambda: "feet slid" in screen.state()["pair"][3])
    assert any(name.endswith(" on rig") for name in screen.state()["actions"])
    time.sleep(1.5)
    screen.press_until(lambda: retarget_and_check(screen)[1], lambda: "measured in" in screen.state()["pair"][3])
    time.sleep(1.5)
    screen.press_until(lambda: show_source(screen), lambda: screen.state()["overlay"])
    screen.point_at(600, 800)
    time.sleep(3)
    screen.shot("10 retargeted")

    folder = screen.folder / "exported ü"
    screen.ask("export folder", str(folder))
    screen.ask("only panels", ["export"])
    screen.open_first_panel()
    screen.press_until(lambda: screen.buttons()[-1], lambda: len(list(folder.glob("*.fbx"))) == 2)
    time.sleep(3)  # for Blender to say so
    screen.shot("11 exported")
    assert all(file.stat().st_size > 100_000 for file in folder.glob("*.fbx"))


def retarget_and_check(screen):
    """Rectangles of the tall button Retarget, and of Check, which is the next one."""
    buttons = screen.buttons()
    tall = max(buttons, key=lambda r: r[3])
    return tall, buttons[buttons.index(tall) + 1]


def show_source(screen):
    """Rectangle of the switch Show Source, which stands below Check and is half as wide."""
    _, (x, y, width, height) = retarget_and_check(screen)
    return x, y + 3 * height // 2, width // 2, height


def test_the_backend_is_gone_within_five_seconds_of_blender(screen):
    from screen import wait_for

    screen.ask("show", "SEQUENCE_EDITOR")
    screen.press(max(screen.buttons(), key=lambda r: r[3]))
    wait_for(lambda: screen.state()["backend_pid"] is not None, 60)
    pid = screen.state()["backend_pid"]
    assert Path(f"/proc/{pid}").exists()
    screen.blender.kill()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 5)
