"""Which device to compute on, and what to do when its memory is not enough. torch is imported only when asked."""

import gc
from typing import Final

from ..protocol.errors import ErrorCode, RecoverError

DEVICES: Final[tuple[str, ...]] = ("auto", "cpu", "cuda", "mps")


def choose_device(wanted: str) -> str:
    """The torch device for a choice of the user's.

    Args:
        wanted: one of `DEVICES`. `auto` is CUDA where there is a usable GPU, else the CPU. Apple's GPU (`mps`) is
            used on request only, since it computes in single precision.

    Raises:
        RecoverError: `BAD_SETTING` for another word or a device that this machine cannot offer, `MISSING_PART` when
            torch cannot be loaded.
    """
    if wanted not in DEVICES:
        raise RecoverError(ErrorCode.BAD_SETTING, f'"{wanted}" is no device.', f"Choose one of: {', '.join(DEVICES)}.")
    try:
        import torch
    except (ImportError, OSError) as error:
        raise RecoverError(
            ErrorCode.MISSING_PART, f"PyTorch cannot be loaded ({error}).", "Repair the backend's environment."
        ) from error
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or torch.version.hip
        raise RecoverError(
            ErrorCode.BAD_SETTING,
            "There is no usable CUDA device: "
            + ("no GPU or no driver for it was found." if built else "the installed PyTorch was built without CUDA."),
            "Choose the device cpu"
            + (", or update the GPU's driver." if built else ", or install the backend's environment for CUDA."),
        )
    if wanted == "mps" and not torch.backends.mps.is_available():
        raise RecoverError(
            ErrorCode.BAD_SETTING, "There is no usable Apple GPU (mps) on this machine.", "Choose the device cpu."
        )
    return wanted


def attempts(device: str) -> list[tuple[str, float]]:
    """What to try in turn when memory runs out: `(device, batch_scale)`, first the normal way, last the CPU."""
    tries = [(device, 1.0), (device, 0.5), (device, 0.25)]
    return tries if device == "cpu" else [*tries, ("cpu", 1.0), ("cpu", 0.25)]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # torch has a class for CUDA only: MPS and the CPU's allocator raise plain RuntimeErrors, OpenCV its own error.
    told_by_text = isinstance(error, RuntimeError) or type(error).__module__.startswith("cv2")
    text = str(error).lower()
    return told_by_text and any(
        words in text for words in ("out of memory", "can't allocate memory", "insufficient memory")
    )


def free_memory(device: str) -> None:
    """Give back what is no longer used. Call it outside the `except` block, whose traceback holds the tensors."""
    gc.collect()
    if device == "cpu":
        return
    import torch

    if device == "cuda":
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()
