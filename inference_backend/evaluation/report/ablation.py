"""MoRo with parts taken out, as far as that needs no training: each is a copy of its weights with zeros."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from safetensors import safe_open
from safetensors.torch import save_file

from ...pipeline.identity import file_sha256
from ...stages.estimate.moro.settings import MoroSettings
from ...stages.estimate.moro.weights import weights_path
from .ways import Way

STEPS: Final = (1, 5, 10, 20)
_STEPS_WITHOUT: Final = 5
ZEROED: Final[dict[str, tuple[str, ...]]] = {
    # Features of the motion encoder are zeros then, which is what the decoder sees in training on single images.
    "without motion encoder": tuple(
        f"mask_transformer.dst_former.m_{part}" for part in ("pos_enc", "token_embed.", "traj_embed.", "transformer.")
    ),
    "without smoother": ("smoother.alpha",),
}


def without(source: Path, prefixes: tuple[str, ...], target: Path) -> None:
    """Copy a weights file with zeros in some tensors.

    Args:
        source: a `.safetensors` file.
        prefixes: tensors whose names begin so become zeros.
        target: the copy.

    Raises:
        ValueError: a prefix fits no tensor.
    """
    with safe_open(str(source), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in tensors):
            raise ValueError(f"{source.name} has no {prefix}")
    changed = {name: value * 0 if name.startswith(prefixes) else value for name, value in tensors.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(changed, str(target), metadata)


def ablation_ways(base: Way, folder: Path) -> list[Way]:
    """MoRo without refinement, in other numbers of steps, and without parts of the network.

    Args:
        base: MoRo without refinement.
        folder: for the changed weights.

    Raises:
        RecoverError: there are no weights.
    """
    own: MoroSettings = base.settings.moro
    source = weights_path(own)
    ways = [Way(f"T = {n}", replace(base.settings, moro=replace(own, steps=n))) for n in STEPS]
    for name, prefixes in ZEROED.items():
        target = folder / f"{file_sha256(source)[:12]} {name}.safetensors"
        if not target.is_file():
            without(source, prefixes, target)
        changed = replace(own, weights=str(target), steps=_STEPS_WITHOUT)
        ways.append(Way(f"{name}, T = {_STEPS_WITHOUT}", replace(base.settings, moro=changed)))
    return ways
