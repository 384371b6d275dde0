"""The stages by name."""

from collections.abc import Callable
from typing import Final

from ..loop import Stage
from .context import Context
from .tokenizer import TokenizerStage

_STAGES: Final[dict[str, Callable[[Context], Stage]]] = {"tokenizer": TokenizerStage}


def make_stage(name: str, context: Context) -> Stage:
    """A stage, ready to be trained."""
    return _STAGES[name](context)
