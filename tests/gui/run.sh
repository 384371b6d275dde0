#!/usr/bin/env bash
# Runs the window tests with the Blender in RECOVER_MOTION_GUI, or with Debian's.
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ -z "${RECOVER_MOTION_GUI:-}" ]; then
    export RECOVER_MOTION_CHROOT=${RECOVER_MOTION_CHROOT:-$PWD/build/debian}
    python_home=$(.venv-backend/bin/python -c 'import sys; print(sys.base_prefix)')
    bash tests/gui/debian_blender.sh "$RECOVER_MOTION_CHROOT" "$PWD" "$python_home"
    export RECOVER_MOTION_GUI=/usr/bin/blender
fi
exec .venv-backend/bin/python -m pytest tests/gui -v -p no:cacheprovider
