"""Which body an estimator runs on: the one asked for, where its weights know it; else their own, to be converted."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.errors import ErrorCode, RecoverError
from ..stages.estimate.trained_body import TrainedBody

if TYPE_CHECKING:
    from ..body.body import Body


def load_body(path: str | None) -> "Body":
    """The body of a file, or the open body."""
    from ..body.body import Body

    return Body.load(None if path is None else Path(path))


def body_to_run_on(trained: TrainedBody | None, wanted: "Body", given: str | None) -> "Body":
    """The body for an estimator.

    Args:
        trained: the body of its weights; None for an estimator that fits any.
        wanted: the result's body.
        given: path of the weights' body, where the person named it.

    Returns:
        `wanted` itself, or the body to convert from: `given`, or the open body.

    Raises:
        RecoverError: `WRONG_BODY` when none of them is the weights' body.
    """
    if trained is None or trained.fits(wanted):
        return wanted
    for path in (None,) if given is None else (given, None):
        if trained.fits(body := load_body(path)):
            return body
    wrong = f"; {Path(given).name} is another one" if given is not None else ""
    raise RecoverError(
        ErrorCode.WRONG_BODY,
        f"The estimator's weights were trained for the body {trained}, not for {wanted.name}{wrong}.",
        f"Name the file of {trained.name} as the estimator's body (--estimator-body): the motion is then converted to "
        f"{wanted.name}. Or choose it as the body of the result (--body), or another estimator.",
    )
