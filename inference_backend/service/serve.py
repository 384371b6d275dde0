"""The service: takes jobs on stdin, runs them one after the other, and talks on stdout; see docs/protocol.md.

The main thread only waits for the end, so that a signal is heard at once; a second thread reads stdin; a third works.
"""

import logging
import os
import platform
import signal
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from ..pipeline.cache import StageCache
from ..pipeline.device import choose_device
from ..pipeline.stages import Stages
from ..protocol.errors import ErrorCode, RecoverError
from ..protocol.message_lines import BadMessage, decode
from ..protocol.messages import (
    BackendMessage,
    Cancel,
    ClientHello,
    Error,
    Hello,
    JobCancelled,
    Message,
    Queued,
    Shutdown,
    Submit,
)
from ..protocol.versions import BACKEND_VERSION, PROTOCOL_VERSION
from .logs import forward_log, start_log
from .pipes import MessageWriter, keep_stdin, keep_stdout, read_lines
from .run_job import job_of, run_job

_GRACE_S: Final[float] = 1.0
"""How long a running stage may take to end by itself once the service shall end."""

_log = logging.getLogger(__name__)


def serve(cache_folder: Path, log: Path | None, stages: Stages | None = None) -> None:
    """Serve until stdin closes, `Shutdown` arrives or a signal asks to end; then end the process.

    Args:
        cache_folder: keeps finished stages; log files go to its subfolder `logs` unless `log` is given.
        log: the log file.
        stages: in place of the product's.
    """
    send = MessageWriter(keep_stdout())
    lines = keep_stdin()
    log_file = start_log(log, cache_folder / "logs")
    _log.info("backend %s, protocol %d, pid %d", BACKEND_VERSION, PROTOCOL_VERSION, os.getpid())
    forward_log(send)
    service = Service(send, StageCache(cache_folder), log_file, stages)
    # A handler must not touch the locks that the thread it interrupts may hold, so it only leaves word.
    signalled: list[int] = []
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _frame: signalled.append(number))
    threading.Thread(target=service.read, args=(lines,), name="reader", daemon=True).start()
    worker = threading.Thread(target=service.work, name="worker", daemon=True)
    worker.start()
    # In short waits, since Windows does not interrupt a long one for a signal.
    while not service.ended.wait(0.2):
        if signalled:
            service.end()
    worker.join(_GRACE_S)
    _log.info("the service ends%s", " in the middle of a stage" if worker.is_alive() else "")
    logging.shutdown()
    # Not sys.exit: that would wait for a stage, or for a library's threads. All files are written in one step.
    os._exit(0)


class Service:
    """Jobs and the handshake. `read` and `work` run in a thread each.

    Attributes:
        ended: set once the service shall end.
    """

    def __init__(
        self, send: MessageWriter, cache: StageCache, log_file: Path | None, stages: Stages | None = None
    ) -> None:
        self.ended = threading.Event()
        self._send, self._cache, self._log_file, self._stages = send, cache, log_file, stages
        self._client: ClientHello | None = None
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, Submit] = OrderedDict()
        self._running: str | None = None
        self._cancelled = threading.Event()
        self._seen: set[str] = set()

    def end(self) -> None:
        """Cancel everything and let the process end."""
        self.ended.set()  # first: `work` looks at it after it has cleared the other
        self._cancelled.set()

    def read(self, descriptor: int) -> None:
        """Follow the messages of a pipe until it closes, then end."""
        try:
            for line in read_lines(descriptor):
                self._follow(line)
        except Exception:
            _log.exception("the reader failed")
        self.end()

    def work(self) -> None:
        """Say hello, then run jobs in the order in which they came, until the end."""
        self._send(self._hello())
        while not self.ended.is_set():
            with self._changed:
                if not self._waiting:
                    self._changed.wait(0.2)
                    continue
                name, submit = self._waiting.popitem(last=False)
                self._running = name
                self._cancelled.clear()
            if self.ended.is_set():
                return
            run_job(submit, self._cache, self._cancelled, self._send, self._log_file, self._stages)
            with self._changed:
                self._running = None

    def _hello(self) -> Hello:
        try:
            device = choose_device("auto")
        except RecoverError as error:
            _log.warning("%s", error, exc_info=error)
            device = ""
        log_file = "" if self._log_file is None else str(self._log_file.absolute())
        _log.info("python %s on %s, device %s", sys.version, platform.platform(), device or "none")
        return Hello(PROTOCOL_VERSION, BACKEND_VERSION, platform.python_version(), device, log_file)

    def _follow(self, line: bytes | None) -> None:
        if line is None:
            _log.warning("a line was ignored, since it is longer than a message may be")
            return
        if not line.strip():
            return
        try:
            message = decode(line)
        except BadMessage as error:
            _log.warning("a line was ignored: %s It begins with %r", error, line[:200])
            return
        self._answer(message)

    def _answer(self, message: Message) -> None:
        match message:
            case ClientHello():
                self._client = message
                _log.info("client %s, protocol %d", message.client, message.protocol)
                if fault := self._handshake_fault():
                    self._send(Error.of(fault))
            case Submit():
                self._submit(message)
            case Cancel():
                self._cancel(message.job)
            case Shutdown():
                self.end()
            case _:
                _log.warning("a message of the type %s was ignored: it is not for the backend", message.type)

    def _submit(self, submit: Submit) -> None:
        try:
            if fault := self._handshake_fault():
                raise fault
            if submit.job in self._seen:
                raise RecoverError(
                    ErrorCode.PROTOCOL, f'There was a job "{submit.job}" already.', "Give each job a name of its own."
                )
            job_of(submit)
        except RecoverError as error:
            self._send(Error.of(error, submit.job))
            return
        self._seen.add(submit.job)
        with self._changed:
            # Inside the lock, so that no message about the job comes before this one.
            self._send(Queued(submit.job, len(self._waiting) + (self._running is not None)))
            self._waiting[submit.job] = submit
            self._changed.notify()

    def _cancel(self, name: str) -> None:
        answer: BackendMessage | None = None
        with self._changed:
            if name == self._running:
                self._cancelled.set()
            elif self._waiting.pop(name, None):
                answer = JobCancelled(name)
            else:
                _log.info("job %s cannot be cancelled: it is neither waiting nor running", name)
        if answer:
            self._send(answer)

    def _handshake_fault(self) -> RecoverError | None:
        if self._client is None:
            return RecoverError(
                ErrorCode.PROTOCOL,
                "The client did not say which protocol it speaks.",
                "Send client_hello before the first job.",
            )
        if self._client.protocol != PROTOCOL_VERSION:
            return RecoverError(
                ErrorCode.PROTOCOL,
                f"The add-on speaks protocol {self._client.protocol} and the backend protocol {PROTOCOL_VERSION}.",
                "Install the add-on and its backend in the same version: choose Repair in the add-on's preferences.",
            )
        return None
