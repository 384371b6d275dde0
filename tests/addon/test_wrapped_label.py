"""Sentences in panels: no line is longer than the panel is wide, and nothing is lost."""

from recover_motion.addon.wrapped_label import lines


def test_long_paths_come_in_pieces():
    path = "/a folder/" + "deep/" * 30 + "backend.log"
    text = f"The backend stopped unexpectedly. Its log is {path}."
    found = lines(text, 300)
    assert max(map(len, found)) <= 300 // 7 - 6
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert lines("Short.", 20) == ["Short."]
