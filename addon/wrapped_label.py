"""Sentences in panels, which Blender itself would cut off."""

import bpy


def wrapped(layout: bpy.types.UILayout, text: str, icon: str, width: int) -> None:
    """A sentence over as many lines as it needs.

    Args:
        layout: where.
        text: the sentence.
        icon: before its first line.
        width: of the region, in pixels.
    """
    per_line = max(int(width / (7 * bpy.context.preferences.system.ui_scale)) - 6, 16)
    column = layout.column(align=True)
    column.scale_y = 0.8
    line = ""
    for word in [*text.split(), ""]:
        if line and (not word or len(line) + len(word) >= per_line):
            column.label(text=line, icon=icon)
            line, icon = "", "BLANK1"
        line = f"{line} {word}".strip()
