"""Sentences in panels: no line is longer than the panel is wide, and nothing is lost."""

from recover_motion.addon.wrapped_label import lines


def test_long_paths_come_in_pieces():
    path = "/a folder/" + "deep/" * 30 + "backend.log"
    text = f"The backend stopped unexpectedly. Its log is {path}."
    found = lines(text, 300)
    assert max(map(len, found)) <= 300 // 7 - 6
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert all(line.endswith("deep/") for line in found[2:-2])
    assert max(map(len, lines("x" * 200, 300))) <= 300 // 7 - 6
    assert lines("Short.", 20) == ["Short."]
