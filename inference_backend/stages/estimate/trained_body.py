"""The body that an estimator's weights were trained for, as far as their metadata tell."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...body.body import Body


@dataclass(frozen=True)
class TrainedBody:
    """Which body weights can work on.

    Attributes:
        name: the body's name, for people.
        sha256: checksum of the body file; None where the weights do not say.
        vertices: size of its mesh, which decides where there is no checksum; None takes any.
    """

    name: str
    sha256: str | None = None
    vertices: int | None = None

    def __str__(self) -> str:
        return self.name if self.vertices is None else f"{self.name} (a mesh of {self.vertices} vertices)"

    def fits(self, body: "Body") -> bool:
        """Whether this is the body."""
        if self.sha256 is not None:
            return body.sha256 == self.sha256
        return self.vertices is None or len(body.v_template) == self.vertices
