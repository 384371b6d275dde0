"""All recoveries of this Blender session: queued, run one after another, built into the scene in small steps.

`JobQueue.tick()` is a plain function: a timer calls it in a window, a loop elsewhere. Imports neither bpy nor torch.
"""

import logging
import time
import traceback
from collections.abc import Iterator

from ...inference_backend.protocol import messages
from ...inference_backend.protocol.errors import ErrorCode, RecoverError
from .client import BackendClient, Command, Ended
from .job import Job, JobState

logger = logging.getLogger(__name__)

IDLE_LIMIT_S = 300.0
"""An idle backend is kept for this long: starting one takes seconds, which cleaning again should not."""

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class JobQueue:
    """The jobs, and the backend while there are any."""

    def __init__(self, client_name: str) -> None:
        """Make an empty queue; `client_name` says in the backend's log who asks."""
        self.jobs: list[Job] = []
        self._client_name = client_name
        self._client: BackendClient | None = None
        self._command: Command | None = None
        self._greeted = False
        self._last_busy = 0.0
        self._building: tuple[Job, Iterator[float]] | None = None

    @property
    def busy(self) -> bool:
        """Something is left to do."""
        return any(job.active for job in self.jobs)

    @property
    def running(self) -> bool:
        """There is a backend."""
        return self._client is not None

    def submit(self, job: Job, command: Command) -> None:
        """Queue a job, starting the backend when none runs.

        Raises:
            RecoverError: the backend cannot be started; the job is not queued then.
        """
        self._listen()  # it may have ended since
        if self._client is None:
            self._client = BackendClient(command, self._client_name)
            self._command, self._greeted = command, False
        self.jobs.append(job)
        if self._greeted:
            self._client.send(job.request)

    def cancel(self, job: Job) -> None:
        """End a job soon. What it finished is kept in the cache."""
        if job.state is JobState.BUILDING or not job.active:
            return
        if self._client is not None and self._greeted:
            job.cancelling = True
            self._client.send(messages.Cancel(job.name))
        else:
            job.cancel()

    def tick(self) -> bool:
        """One look at the backend and at most one step of building; never waits. True when anything changed."""
        changed = self._listen()
        changed = self._build() or changed
        if self.busy:
            self._last_busy = time.monotonic()
        elif self._client is not None and time.monotonic() - self._last_busy > IDLE_LIMIT_S:
            self._client.close()
            self._client = None
        return changed

    def build_again(self) -> None:
        """Start the building that is under way anew: an undo took away what it had made so far."""
        self._building = None

    def close(self, timeout_s: float = 0.0) -> None:
        """End the backend and every job that needs it (quitting, add-on disabled, another file loaded)."""
        client, self._client = self._client, None
        ended = [job for job in self.jobs if job.active]
        for job in ended:
            job.state = JobState.CANCELLED
        self._building = None
        if client is not None:
            client.close(lambda: [job.discard() for job in ended])
            if timeout_s:
                client.wait(timeout_s)

    def _listen(self) -> bool:
        if self._client is None:
            return False
        arrived = self._client.poll()
        for message in arrived:
            self._take(message)
        return bool(arrived)

    def _take(self, message: messages.BackendMessage | Ended) -> None:
        if isinstance(message, Ended):
            self._lost(message.error)
        elif isinstance(message, messages.Hello):
            self._greeted = True
            for job in self.jobs:
                if job.state is JobState.WAITING and self._client is not None:
                    self._client.send(job.request)
        elif isinstance(message, messages.Log):
            logger.log(_LEVELS.get(message.level, logging.INFO), "%s", message.text)
        else:
            self._tell(message)

    def _tell(self, message: messages.BackendMessage) -> None:
        name = getattr(message, "job", None)
        for job in self.jobs:
            # An error without a job is about something that this side sent: no job can rely on being done.
            if job.active and (job.name == name or (name is None and isinstance(message, messages.Error))):
                job.update(message)

    def _lost(self, error: RecoverError | None) -> None:
        self._client = None
        for job in self.jobs:
            if job.cancelling and job.active:
                job.cancel()
            elif job.state in (JobState.WAITING, JobState.RUNNING):
                job.fail(error or RecoverError(ErrorCode.INTERNAL, "The backend ended early.", "Start the job again."))

    def _build(self) -> bool:
        if self._building is None:
            ready = next((job for job in self.jobs if job.state is JobState.BUILDING), None)
            if ready is None:
                return False
            self._building = ready, iter(ready.build(ready))
        job, steps = self._building
        try:
            job.fraction = next(steps)
        except StopIteration:
            job.state, self._building = JobState.DONE, None
        except RecoverError as error:
            job.fail(error)
            self._building = None
        except Exception as error:
            logger.error("building the result failed\n%s", traceback.format_exc())
            self._building = None
            job.fail(
                RecoverError(
                    ErrorCode.INTERNAL,
                    f"The recovered motion could not be built in the scene: {error}.",
                    f"The result is kept in {job.result}; import it from there.",
                )
            )
        return True
