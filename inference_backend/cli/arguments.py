"""The command line. Nothing heavy is imported here, so that `--help` answers at once."""

import argparse
from pathlib import Path

from ..pipeline.device import DEVICES
from ..stages.camera.settings import MOTIONS as CAMERA_MOTIONS
from ..stages.camera.settings import CameraSettings
from ..stages.contacts.settings import ContactSettings
from ..stages.estimate.registry import DEFAULT_ESTIMATOR, ESTIMATORS
from ..stages.foot_lock.settings import FootLockSettings
from ..stages.physics.settings import MODES, POSES, PhysicsSettings
from ..stages.trajectory.settings import TRIGGERS, TrajectorySettings


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command` names the chosen one."""
    parser = argparse.ArgumentParser(
        prog="python -m inference_backend", description="Recover people's motion from video.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _recover(commands.add_parser("recover", help="recover the people of a clip", allow_abbrev=False))
    _serve(commands.add_parser("serve", help="take jobs as JSON lines on stdin", allow_abbrev=False))
    _doctor(commands.add_parser("doctor", help="look whether everything that is needed is there", allow_abbrev=False))
    _to_smplx(commands.add_parser("to_smplx", help="write a result with SMPL-X's usual names", allow_abbrev=False))
    return parser


def _recover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", help="video file; or folder, first image or pattern of a sequence")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for result.npz and body.npz")
    parser.add_argument("--start", type=float, metavar="S", help="first second to use")
    parser.add_argument("--end", type=float, metavar="S", help="second to stop before")
    parser.add_argument("--image-fps", type=float, metavar="FPS", help="frame rate of an image sequence (30)")
    parser.add_argument(
        "--estimator", metavar="NAME", help=f"one of: {', '.join(ESTIMATORS)} (default: {DEFAULT_ESTIMATOR})"
    )
    parser.add_argument("--people", type=int, metavar="N", help="follow at most N people at once")
    parser.add_argument("--body", metavar="FILE", help="SMPL-X body file to use in place of the open body")
    parser.add_argument(
        "--estimator-body",
        metavar="FILE",
        help="body file that the estimator's weights were trained for, where that is another one; its motion is "
        "converted to --body",
    )
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--focal", type=float, metavar="PX", help="focal length in pixels")
    camera.add_argument("--intrinsics", metavar="FILE", help="JSON file with K (3 x 3) and dist (4 or 5 numbers)")
    parser.add_argument(
        "--camera-motion",
        choices=CAMERA_MOTIONS,
        help="whether the camera pans, tilts, zooms or shakes "
        f"(default: {CameraSettings().motion}, as the background says)",
    )
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the messages of docs/protocol.md to stdout")
    _cache(parser)
    parser.add_argument(
        "--trajectory",
        choices=TRIGGERS,
        help="where paths are regenerated from what bodies do "
        f"(default: {TrajectorySettings().trigger}; needs weights)",
    )
    parser.add_argument("--settings", metavar="FILE", help="JSON file with settings of any stage")

    lock, contact = FootLockSettings(), ContactSettings()
    clean = parser.add_argument_group(
        "clean-up", "Changing one of these runs only the stages from the contacts on; the rest is kept in the cache."
    )
    clean.add_argument("--contacts", metavar="FILE", help="edited contacts (.npz) to use in place of the found ones")
    clean.add_argument(
        "--contact-height", type=float, metavar="M", help=f"height below which a foot may stand ({contact.height_m} m)"
    )
    clean.add_argument(
        "--contact-speed", type=float, metavar="MPS", help=f"speed below which it may ({contact.speed_mps} m/s)"
    )
    clean.add_argument("--lock-strength", type=float, metavar="X", help=f"0 to 1: foot lock ({lock.strength:g})")
    clean.add_argument(
        "--physics", choices=MODES, help=f"let a simulated body follow the motion (default: {PhysicsSettings().mode})"
    )
    clean.add_argument(
        "--physics-pose", choices=POSES, help=f"whose pose to keep then (default: {PhysicsSettings().pose_from})"
    )
    clean.add_argument("--lock-blend", type=float, metavar="S", help=f"seconds of its blends ({lock.blend_s})")
    clean.add_argument(
        "--smoothing", type=float, metavar="S", help=f"smoothing period, 0 = none ({lock.smoothing_s:g})"
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    _cache(parser)
    parser.add_argument("--log", type=Path, metavar="FILE", help="log file (default: a new one in the cache folder)")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    _cache(parser)


def _to_smplx(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("result", type=Path, metavar="RESULT", help="a result.npz")
    parser.add_argument("out", type=Path, metavar="OUT.npz", help="file to write; several people: OUT_p0.npz, ...")


def _cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where finished stages are kept")
