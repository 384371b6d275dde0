"""A reader of BVH files of its own."""

from pathlib import Path

import numpy as np

from tests.exchange.file_motion import FileMotion, affine, axis_turn


def read_bvh(path):
    """`FileMotion` of a file: channels apply from left to right, each within the one before."""
    words = Path(path).read_text(encoding="utf-8").split()
    motion = words.index("MOTION")
    joints, stack, at, pending = {}, [], 1, None
    while at < motion:
        word = words[at]
        if word in ("ROOT", "JOINT"):
            pending = words[at + 1]
            joints[pending] = {"parent": next((n for n in reversed(stack) if n), None)}
            at += 2
        elif word == "End":
            pending, at = "", at + 2
        elif word == "{":
            stack.append(pending)
            at += 1
        elif word == "}":
            stack.pop()
            at += 1
        elif word == "OFFSET":
            if stack[-1]:
                joints[stack[-1]]["offset"] = np.array(words[at + 1 : at + 4], float)
            at += 4
        else:
            assert word == "CHANNELS", word
            count = int(words[at + 1])
            joints[stack[-1]]["channels"] = words[at + 2 : at + 2 + count]
            at += 2 + count
    assert words[motion + 1] == "Frames:"
    count = int(words[motion + 2])
    step = float(words[motion + 5])
    values = np.array(words[motion + 6 :], float).reshape(count, -1)
    positions, worlds, column = {}, {}, 0
    for name, joint in joints.items():
        local = affine(np.tile(joint["offset"], (count, 1)), np.eye(3))
        if any(channel.endswith("position") for channel in joint["channels"]):
            local[:, :3, 3] = 0.0  # a joint with positions says where it is, not how far from its offset
        for channel in joint["channels"]:
            axis = "XYZ".index(channel[0])
            value = values[:, column]
            column += 1
            if channel.endswith("position"):
                local[:, axis, 3] += value
            else:
                local = local @ affine(np.zeros(3), axis_turn(np.radians(value), axis))
        worlds[name] = worlds[joint["parent"]] @ local if joint["parent"] else local
        positions[name] = worlds[name][:, :3, 3]
    assert column == values.shape[1]
    return FileMotion(
        {name: joint["parent"] for name, joint in joints.items()},
        {"": (step * np.arange(count), positions)},
        {name: joint["offset"] for name, joint in joints.items() if not joint["parent"]},
        facts={"channels": {name: joint["channels"] for name, joint in joints.items()}},
    )
