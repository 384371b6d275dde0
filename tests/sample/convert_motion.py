"""Cut the sample's seconds out of a CMU motion pack: `python convert_motion.py PACK.npz OUT.npz` (developers only).

The pack stores each clip's joint rotations and its hip midpoint at 30 frames a second. Only this one stretch is kept
in the repository, as `motion.npz`; `placing.py` fits it to a body. Its terms are in `MOTION_LICENSE.txt`.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

ENTRY = "86_09#0"
# A clap while standing, a walk to one side, a turn, a walk back. The clip has a chair, but not in these seconds.
FIRST, LAST = 868, 1078


def main(pack_path: Path, out: Path) -> None:
    """Write `out`: rotvec float32 [T,22,3] (local, relative to a T-pose), hips float32 [T,3] (m, y up), leg_m, fps."""
    spec = importlib.util.spec_from_file_location("read_pack", pack_path.parent / "read_pack.py")
    reader = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reader)
    pack = reader.Pack(pack_path)
    index = [str(name) for name in pack.meta["clip_name"]].index(ENTRY)
    local, hips = pack.smplx22(index)
    offsets = pack.offsets[pack.meta["skeleton"][index]]
    leg = sum(float(np.linalg.norm(offsets[pack.joints.index(name)])) for name in ("ltibia", "lfoot"))
    np.savez_compressed(
        out,
        entry=ENTRY,
        first_frame=FIRST,
        fps=30.0,
        leg_m=leg,
        rotvec=reader.matrix_to_rotvec(local[FIRST:LAST]).astype(np.float32),
        hips=hips[FIRST:LAST].astype(np.float32),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
