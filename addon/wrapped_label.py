"""Sentences in panels, which Blender itself would cut off."""

import re
import textwrap

import bpy


def wrapped(layout: bpy.types.UILayout, text: str, icon: str, width: int) -> None:
    """A sentence over as many lines as it needs, with long paths in pieces.

    Args:
        layout: where.
        text: the sentence.
        icon: before its first line.
        width: of the region, in pixels.
    """
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in lines(text, width / bpy.context.preferences.system.ui_scale):
        column.label(text=line, icon=icon)
        icon = "BLANK1"


def lines(text: str, width: float) -> list[str]:
    """The lines of a sentence.

    Args:
        text: the sentence.
        width: of the region, in pixels at a resolution scale of 1.
    """
    return _Wrapper(max(int(width / 7) - 6, 16), break_on_hyphens=False).wrap(text)


class _Wrapper(textwrap.TextWrapper):
    """Breaks lines between the folders of a path, too."""

    wordsep_simple_re = re.compile(r"(\s+)|(?<=[/\\])")
