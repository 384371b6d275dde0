"""The add-on's end of the pipe: starts the backend, sends messages, collects what comes back without ever waiting.

Imports neither bpy nor torch.
"""

import contextlib
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...inference_backend.protocol import message_lines, messages, versions
from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from ..process import child

START_LIMIT_S = 180.0
"""A backend that has not said hello by then is given up: importing torch from a slow disk takes a minute."""


@dataclass(frozen=True)
class Command:
    """How to start the backend.

    Attributes:
        python: the interpreter of the backend's environment.
        package_folder: folder that holds the package `inference_backend`.
        data_folder: where the backend may write (cache, log, Python's byte code); never the add-on's own folder.
    """

    python: Path
    package_folder: Path
    data_folder: Path

    @property
    def cache(self) -> Path:
        """Folder of the backend's cache of finished stages."""
        return self.data_folder / "cache"

    @property
    def log(self) -> Path:
        """The backend's log file."""
        return self.data_folder / "backend.log"

    def argv(self) -> list[str]:
        """The child's command line."""
        options = ["--cache", str(self.cache), "--log", str(self.log)]
        return [str(self.python), "-m", "inference_backend", "serve", *options]


@dataclass(frozen=True)
class Ended:
    """The backend is gone; `error` says why when that was not asked for."""

    error: RecoverError | None


class BackendClient:
    """One running backend."""

    def __init__(self, command: Command, client_name: str) -> None:
        """Start the backend.

        Args:
            command: how.
            client_name: who asks, for the backend's log.

        Raises:
            RecoverError: `MISSING_PART` when it cannot be started.
        """
        self._command = command
        self._client_name = client_name
        self._received: queue.SimpleQueue[messages.BackendMessage | Ended] = queue.SimpleQueue()
        self._closing = False
        self._started = time.monotonic()
        self.hello: messages.Hello | None = None
        try:
            command.data_folder.mkdir(parents=True, exist_ok=True)
            with (command.data_folder / "backend-output.log").open("wb") as output:
                self._process = child.start(
                    command.argv(),
                    folder=command.package_folder,
                    stdin=subprocess.PIPE,
                    stderr=output.fileno(),
                    extra_environment={"PYTHONPYCACHEPREFIX": str(command.data_folder / "bytecode")},
                )
        except OSError as error:
            raise RecoverError(
                ErrorCode.MISSING_PART,
                f"The backend could not be started with {command.python}: {error}.",
                "Install or repair its environment in the add-on's preferences.",
            ) from error
        threading.Thread(target=self._read, name="recover-motion-backend", daemon=True).start()

    def send(self, message: messages.ClientMessage) -> None:
        """Send a message. One that no longer arrives is not an error here: `Ended` follows."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(message_lines.encode(message))
            self._process.stdin.flush()

    def poll(self, limit: int = 100) -> list[messages.BackendMessage | Ended]:
        """What has arrived since the last call, at most `limit` messages; never waits. Nothing follows `Ended`."""
        arrived: list[messages.BackendMessage | Ended] = []
        while len(arrived) < limit and not self._received.empty():
            message = self._received.get()
            if isinstance(message, messages.Hello):
                self.hello = message
                if message.protocol != versions.PROTOCOL_VERSION:
                    self.close()
                    return [*arrived, Ended(_other_version(message))]
                self.send(messages.ClientHello(versions.PROTOCOL_VERSION, self._client_name))
            arrived.append(message)
        if self.hello is None and not arrived and time.monotonic() - self._started > START_LIMIT_S:
            self.close()
            arrived.append(Ended(_silent(self._command.log)))
        return arrived

    def close(self, then: Callable[[], object] = lambda: None) -> None:
        """Let the backend end, and see to it that it does, without waiting for it here.

        Args:
            then: called from another thread once it has ended.
        """
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        end = threading.Thread(target=self._see_it_end, args=(then,), name="recover-motion-backend-end", daemon=False)
        end.start()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the process (quitting, tests); True when it ended in time."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def _see_it_end(self, then: Callable[[], object]) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2.0)
        child.end_tree(self._process, grace_s=1.0)
        then()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                message = message_lines.decode(line)
            except message_lines.BadMessage as problem:
                message = messages.Log("warning", f"{problem} {line[:200]!r}")
            if isinstance(message, messages.BackendMessage):
                self._received.put(message)
        status = self._process.wait()
        self._received.put(Ended(None if self._closing else _crashed(status, self._command.log)))


def _other_version(hello: messages.Hello) -> RecoverError:
    return RecoverError(
        ErrorCode.PROTOCOL,
        f"The backend speaks version {hello.protocol} of the protocol, and this add-on version "
        f"{versions.PROTOCOL_VERSION}.",
        "Restart Blender; if that does not help, install the add-on again.",
    )


def _silent(log: Path) -> RecoverError:
    return RecoverError(
        ErrorCode.INTERNAL,
        f"The backend did not answer within {START_LIMIT_S:.0f} seconds.",
        f"Check its environment in the add-on's preferences; its log is {log}.",
    )


def _crashed(status: int, log: Path) -> RecoverError:
    reason = f"signal {-status}" if status < 0 else f"exit status {status}"
    return RecoverError(
        ErrorCode.INTERNAL,
        f"The backend stopped unexpectedly ({reason}).",
        f"Click the same button again: finished stages are kept. Its log is {log}.",
    )
