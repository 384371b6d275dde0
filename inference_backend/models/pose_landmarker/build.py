"""Builds `pose_landmarker_full.task`, MediaPipe's pose model for several people: `python -m ....pose_landmarker.build`.

Only the wheel of MediaPipe 0.10.21 carries the two networks; it is unzipped, never installed. A `.task` file is a
stored zip of both, each with its input normalisation as metadata. The result is the same to the byte, and checked.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from ...protocol.errors import ErrorCode, RecoverError
from .location import MODEL_FILE, MODEL_SHA256, sha256_of
from .metadata import add_image_normalization

WHEEL_VERSION: Final = "0.10.21"
WHEEL_SHA256: Final = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
_PIP: Final = (
    *("-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--only-binary=:all:"),
    *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", "manylinux_2_28_x86_64"),
)
_DETECTOR: Final = "mediapipe/modules/pose_detection/pose_detection.tflite"
_LANDMARKS: Final = "mediapipe/modules/pose_landmark/pose_landmark_full.tflite"
_LICENSE: Final = f"mediapipe-{WHEEL_VERSION}.dist-info/LICENSE"
_ALIGNMENT: Final = 4  # MediaPipe maps the zip's members into memory and wants them aligned

_NOTICE: Final = f"""\
{MODEL_FILE.name} contains the pose detection and pose landmark networks (BlazePose GHUM, full) of MediaPipe
{WHEEL_VERSION}, Copyright The MediaPipe Authors, used under the Apache License, Version 2.0, which follows.
Changed from the original: the landmark network was given metadata that states the normalisation of its input, and both
were put into one file. The networks' weights are unchanged.

"""


def build_model(wheel: bytes) -> bytes:
    """The `.task` file made from the bytes of MediaPipe's wheel.

    Raises:
        RecoverError: `MISSING_PART` when the wheel is not the expected one.
    """
    if sha256_of(wheel) != WHEEL_SHA256:
        raise RecoverError(
            ErrorCode.MISSING_PART,
            f"The MediaPipe {WHEEL_VERSION} wheel is not the expected one: its checksum differs.",
            "Delete it and let this command download it again.",
        )
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        detector = archive.read(_DETECTOR)  # it states its normalisation already
        landmarks = add_image_normalization(archive.read(_LANDMARKS), mean=0.0, std=255.0)
    return _bundle({"pose_detector.tflite": detector, "pose_landmarks_detector.tflite": landmarks})


def notice(wheel: bytes) -> str:
    """The notice that goes with the model: where it comes from, what was changed, and its licence."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return _NOTICE + archive.read(_LICENSE).decode()


def download_wheel() -> bytes:
    """MediaPipe's wheel, fetched with pip for the platform whose checksum is known, whatever platform this is.

    Raises:
        RecoverError: `MISSING_PART` when pip cannot fetch it.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, *_PIP, "--dest", folder, f"mediapipe=={WHEEL_VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            reason = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given"
            raise RecoverError(
                ErrorCode.MISSING_PART,
                f"pip could not download mediapipe {WHEEL_VERSION}: {reason}",
                "Check the network, or name a wheel that you have with --wheel.",
            )
        return wheels[0].read_bytes()


def _bundle(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)  # its default date makes the file reproducible
            info.create_system = 3  # and this, on every platform
            # Padding goes into an extra field of its own (two bytes of tag, two of length), which readers skip.
            padding = -(target.tell() + zipfile.sizeFileHeader + len(name) + 4) % _ALIGNMENT
            info.extra = b"\xff\xff" + padding.to_bytes(2, "little") + bytes(padding)
            archive.writestr(info, data)
    return target.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Builds the model if it is not there yet. Returns the process's exit code."""
    parser = argparse.ArgumentParser(description="Build MediaPipe's pose model for several people.")
    parser.add_argument("--wheel", type=Path, help=f"a mediapipe {WHEEL_VERSION} wheel, instead of a download")
    parser.add_argument("--out", type=Path, default=MODEL_FILE, help="where to write the model")
    chosen = parser.parse_args(arguments)
    if chosen.out.is_file() and sha256_of(chosen.out.read_bytes()) == MODEL_SHA256:
        print(f"{chosen.out.name} is there already.")
        return 0
    try:
        wheel = chosen.wheel.read_bytes() if chosen.wheel else download_wheel()
        model = build_model(wheel)
        if sha256_of(model) != MODEL_SHA256:
            raise RecoverError(
                ErrorCode.MISSING_PART,
                f"The pose model came out with an unexpected checksum ({sha256_of(model)}).",
                "Build it with the package versions of the lock file.",
            )
        chosen.out.with_name(f"{chosen.out.stem}.notice.txt").write_text(notice(wheel), encoding="utf-8")
        partial = chosen.out.with_name(f"{chosen.out.name}.partial")
        partial.write_bytes(model)
        partial.replace(chosen.out)
    except RecoverError as error:
        print(f"{error.sentence}\n{error.remedy}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or chosen.out}: {error.strerror}.", file=sys.stderr)
        return 1
    print(f"Built {chosen.out.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
