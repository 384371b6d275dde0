"""A screen of our own with a Blender in it: look at it, click on it, press keys."""

import json
import os
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np

SIZE = (1600, 900)
DISPLAY = ":97"


class Screen:
    """Xvfb and Blender, in a Debian folder (`chroot`) or on this machine."""

    def __init__(self, folder, chroot=None):
        self.folder = Path(folder)
        self._inside = ["chroot", str(chroot)] if chroot else []
        self._children = []
        self._environment = os.environ | {"DISPLAY": DISPLAY, "LIBGL_ALWAYS_SOFTWARE": "1", "HOME": str(self.folder)}
        self._start(["Xvfb", DISPLAY, "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24"])
        time.sleep(2)

    def _start(self, argv):
        log = (self.folder / f"{Path(argv[0]).name}.log").open("wb")
        child = subprocess.Popen(
            [*self._inside, *argv], env=self._environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        self._children.append(child)
        return child

    def start_blender(self, blender, script, **arguments):
        options = ["--factory-startup", "--offline-mode", "--window-geometry", "0", "0", *map(str, SIZE)]
        argv = [blender, *options, "--python", str(script), "--", json.dumps(arguments)]
        self.blender = self._start(argv)

    def close(self):
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()

    def run(self, *argv):
        subprocess.run([*self._inside, *argv], env=self._environment, check=True, capture_output=True)

    def shot(self, name):
        """A screenshot, kept under `name`, as BGR."""
        path = self.folder / f"{name}.png"
        self.run("import", "-window", "root", str(path))
        return cv2.imread(str(path))

    def point_at(self, x, y):
        self.run("xdotool", "mousemove", str(x), str(y))

    def click(self, x, y):
        self.point_at(x, y)
        time.sleep(1.0)  # a button takes no click before it was drawn under the mouse
        self.run("xdotool", "click", "1")
        time.sleep(0.3)

    def key(self, name):
        self.run("xdotool", "key", name)

    def ask(self, kind, value=None):
        request = self.folder / "request.json"
        request.with_suffix(".tmp").write_text(json.dumps({"kind": kind, "value": value}))
        request.with_suffix(".tmp").replace(request)
        wait_for(lambda: not request.exists(), 300)  # what was asked for before may take long on a busy machine
        time.sleep(1.0)

    def state(self):
        return json.loads((self.folder / "state.json").read_text())

    def buttons(self, at_least=60):
        """Rectangles (x, y, width, height) of the operators' buttons in the sidebar, from the top.

        Args:
            at_least: pixels of a button's width; those that show a symbol only have some 20.
        """
        self.ask("paint", True)
        found = []
        end = time.monotonic() + 20  # drawing in software can take a while
        while not found and time.monotonic() < end:
            found = self._magenta(at_least)
        self.ask("paint", False)
        return found

    def _magenta(self, at_least):
        left, top, wide, high = self.state()["sidebar"]
        picture = self.shot("buttons").astype(int)
        magenta = (picture[..., 0] > 200) & (picture[..., 1] < 90) & (picture[..., 2] > 200)
        mask = cv2.morphologyEx(magenta.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 15), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        found = [
            tuple(row[:4])
            for row in stats[1:].tolist()
            if row[2] > at_least and row[3] > 12 and 0 < row[0] - left < wide and 0 < row[1] - top < high
        ]
        return sorted(found, key=lambda r: (r[1], r[0]))

    def open_first_panel(self):
        """Click on the uppermost header of the sidebar."""
        left, top, *_ = self.state()["sidebar"]
        self.click(left + 80, top + 18)
        time.sleep(3)  # drawing in software can take a while

    def press(self, rectangle):
        x, y, width, height = rectangle
        self.click(x + width // 2, y + height // 2)

    def press_until(self, find, condition):
        """Press what `find` finds; once more where nothing came of it, as a busy machine may lose a click."""
        self.press(find())
        try:
            wait_for(condition, 60)
        except TimeoutError:
            self.press(find())
            wait_for(condition, 240)


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, ValueError, LookupError):
            pass
        time.sleep(0.2)
    raise TimeoutError("the window did not get there in time")
