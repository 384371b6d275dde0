"""The data sets by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError
from . import egobody, emdb, human36m, prox, rich, threedoh, threedpw
from .sequence import ReferenceSequence
from .smpl import BodyModels


@dataclass(frozen=True)
class Dataset:
    """How a data set is read and scored.

    Attributes:
        read: `read(root, split, models)`.
        splits: their names, the usual one first.
        protocol: what its papers score it by (`evaluation.protocols`).
    """

    read: Callable[[Path, str, BodyModels], Iterator[ReferenceSequence]]
    splits: tuple[str, ...]
    protocol: str


DATASETS: Final[dict[str, Dataset]] = {
    "egobody": Dataset(egobody.read, egobody.SPLITS, "moro"),
    "egobody-occ": Dataset(egobody.read_occluded, ("test",), "moro"),
    "rich": Dataset(rich.read, rich.SPLITS, "moro"),
    "prox": Dataset(prox.read, prox.SPLITS, "moro"),
    "3dpw": Dataset(threedpw.read, threedpw.SPLITS, "wham"),
    "3dpw-occ": Dataset(threedpw.read, ("all",), "wham"),
    "3doh": Dataset(threedoh.read, threedoh.SPLITS, "wham"),
    "human36m": Dataset(human36m.read, human36m.SPLITS, "wham"),
    "emdb": Dataset(emdb.read, emdb.SPLITS, "wham"),
}
NEED_A_LIST: Final = ("3dpw-occ",)
"""Data sets that are a choice of another's sequences, published as a list."""


def read_dataset(
    name: str, root: Path, split: str | None, models: BodyModels, only: frozenset[str]
) -> Iterator[ReferenceSequence]:
    """The sequences of a data set.

    Args:
        name: of `DATASETS`.
        root: its folder, in its authors' layout.
        split: of the data set's; None for the usual one.
        models: the user's body models, which some references need.
        only: names of sequences (3DPW: without the number of the person); empty for all.

    Raises:
        RecoverError: BAD_SETTING for an unknown split or a missing list; BAD_INPUT, MISSING_PART for what is not there.
    """
    dataset = DATASETS[name]
    split = split or dataset.splits[0]
    if split not in dataset.splits:
        raise RecoverError(
            ErrorCode.BAD_SETTING, f'{name} has no split "{split}".', f"Choose one of: {', '.join(dataset.splits)}."
        )
    if name in NEED_A_LIST and not only:
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            f"{name} is a choice of sequences, and no list of them was given.",
            "Give a text file with a name in each line with --sequences; the data set's authors publish the list.",
        )
    try:
        for sequence in dataset.read(root, split, models):
            if not only or sequence.name in only or sequence.name.rsplit("_", 1)[0] in only:
                yield sequence
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise RecoverError(
            ErrorCode.BAD_INPUT,
            f"The folder {root} is not {name} in the layout that its authors publish ({error!r}).",
            "Unpack it again as docs/datasets.md says.",
        ) from error
