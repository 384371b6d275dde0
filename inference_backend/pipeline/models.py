"""What a job computes with besides the video: the estimator, its weights, and bodies."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..stages.estimate.registry import Estimator
from .bodies import body_to_run_on, load_body
from .settings import RecoverSettings
from .stages import Stages

if TYPE_CHECKING:
    from ..body.body import Body


@dataclass(frozen=True)
class Models:
    """What a job computes with.

    Attributes:
        estimator: the chosen one.
        estimator_settings: its own.
        estimator_weights, trajectory_weights: checksums of the weights' files, "" for none.
        body: of the result.
        estimator_body: what the estimator runs on: `body` itself, or the one that its weights know.
    """

    estimator: Estimator
    estimator_settings: Any
    estimator_weights: str
    trajectory_weights: str
    body: "Body"
    estimator_body: "Body"

    @property
    def converts(self) -> bool:
        """Whether motions have to be brought onto the result's body."""
        return self.estimator_body is not self.body


def load_models(estimator: Estimator, settings: RecoverSettings, stages: Stages) -> Models:
    """Load what a job needs, so that what is missing is told before any work. Loads torch.

    Args:
        estimator: the chosen one.
        settings: of all stages.
        stages: know the trajectory network's weights.

    Raises:
        RecoverError: `MISSING_PART`, `WRONG_BODY`: a file is not there, or is another than the weights need.
    """
    own = getattr(settings, estimator.settings)
    weights = estimator.weights(own)
    path_weights = stages.trajectory_weights(settings.trajectory)
    body = load_body(settings.body)
    own_body = body_to_run_on(estimator.trained_body(own), body, settings.estimator_body)
    return Models(estimator, own, weights, path_weights, body, own_body)
