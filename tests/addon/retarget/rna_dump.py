"""Everything that Blender tells about a data-block, to see what changed in it."""

from typing import Any

_EVALUATED = {  # what follows from the pose, not what is stored
    "matrix", "matrix_basis", "matrix_channel", "matrix_world", "matrix_local", "matrix_parent_inverse", "head", "tail",
    "bound_box", "location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "dimensions", "length",
    "center", "vector", "x_axis", "y_axis", "z_axis", "is_evaluated", "original", "session_uid", "users", "tag",
    "is_library_indirect", "error_location", "error_rotation", "rna_type", "id_data", "bl_rna",
}  # fmt: skip

_BY_NAME = ("Bone", "PoseBone", "BoneCollection")
"""What is dumped once, where it belongs, and elsewhere named."""


def dump(block: Any, skip: frozenset[str] = frozenset(), depth: int = 0) -> Any:
    """All stored values of a data-block as plain data; other data-blocks by name. `skip`: properties left out."""
    found = {}
    for prop in block.bl_rna.properties:
        name = prop.identifier
        if name in _EVALUATED or name in skip:
            continue
        value = getattr(block, name, None)
        found[name] = _plain(block, prop, value, skip, depth)
    found["custom"] = {key: _custom(block[key]) for key in block.keys()} if _has_custom(block) else {}  # noqa: SIM118
    return found


def _has_custom(block: Any) -> bool:
    try:
        block.keys()
    except (TypeError, AttributeError):
        return False
    return True


def _custom(value: Any) -> Any:
    return (
        value.to_dict() if hasattr(value, "to_dict") else value.to_list() if hasattr(value, "to_list") else str(value)
    )


def _plain(block: Any, prop: Any, value: Any, skip: frozenset[str], depth: int) -> Any:
    if prop.type == "POINTER":
        if value is None:
            return None
        if hasattr(value, "name_full"):
            return value.name_full
        if type(value).__name__ in _BY_NAME:
            return value.name
        return dump(value, skip, depth + 1) if depth < 5 else "..."
    if prop.type == "COLLECTION":
        items = list(value)
        if items and hasattr(items[0], "name_full"):
            return [item.name_full for item in items]
        if items and type(items[0]).__name__ in _BY_NAME and type(block).__name__ not in ("Armature", "Pose"):
            return [item.name for item in items]
        if depth >= 4:
            return len(items)
        return [dump(item, skip, depth + 1) for item in items]
    if getattr(prop, "is_array", False):
        flat = list(value)
        return [list(row) if hasattr(row, "__len__") else row for row in flat]
    return sorted(value) if isinstance(value, set) else value
