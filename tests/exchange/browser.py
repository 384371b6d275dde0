"""Shows a page to Chromium without a window, and hands back what the page sends."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
HERE = Path(__file__).resolve().parent
THREE = Path(os.environ.get("RECOVER_MOTION_THREE", HERE.parents[1] / "build" / "exchange" / "node_modules" / "three"))
_TYPES = {".js": "text/javascript", ".html": "text/html"}


class _Server(http.server.ThreadingHTTPServer):
    """Serves three.js, the page and one file; keeps what is posted."""

    def __init__(self, file):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.file = file
        self.found = None
        self.done = threading.Event()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/three/") and ".." not in path:
            source = THREE / path.removeprefix("/three/")
        elif path == "/page.html":
            source = HERE / "three_page.html"
        else:
            source = self.server.file
        if not source.is_file():
            self.send_error(404)
            return
        data = source.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", _TYPES.get(source.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_):
        pass


def read_with_three(path, preset, folder):
    """What three.js makes of a file: see `three_page.html`.

    Args:
        path: the file.
        preset: that it was exported by.
        folder: for the browser's profile.
    """
    server = _Server(path)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    query = f"file=/{quote(path.name)}&unit={preset.unit_m}&up={preset.up}"
    command = [
        CHROMIUM,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu-sandbox",
        "--disable-dev-shm-usage",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--ignore-gpu-blocklist",
        "--no-first-run",
        f"--user-data-dir={folder / 'profile'}",
        f"http://127.0.0.1:{server.server_port}/page.html?{query}",
    ]
    with (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            answered = server.done.wait(150)
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
            server.server_close()
    assert answered, (folder / "chromium.log").read_text(errors="replace")[-2000:]
    assert "error" not in server.found, server.found["error"]
    return server.found
