"""The real backend with a fault, in the place of its interpreter: takes the same command line.

RECOVER_MOTION_TEST_DIE_AT names a stage: the process is killed as soon as it has announced it.
RECOVER_MOTION_TEST_PROTOCOL is a number: the backend speaks that version of the protocol.
"""

import os
import signal
import sys

sys.path.insert(0, os.getcwd())  # noqa: PTH109  as `python -m` does

from inference_backend.cli.main import main
from inference_backend.pipeline.progress import JobProgress
from inference_backend.service import run_job, serve


class MortalProgress(JobProgress):
    def stage(self, name, begin=0.0, end=1.0):
        report = super().stage(name, begin, end)
        if name == os.environ.get("RECOVER_MOTION_TEST_DIE_AT"):
            os.kill(os.getpid(), signal.SIGKILL)
        return report


if __name__ == "__main__":
    assert sys.argv[1:3] == ["-m", "inference_backend"]
    run_job.JobProgress = MortalProgress
    serve.PROTOCOL_VERSION = int(os.environ.get("RECOVER_MOTION_TEST_PROTOCOL", serve.PROTOCOL_VERSION))
    sys.exit(main(sys.argv[3:]))
