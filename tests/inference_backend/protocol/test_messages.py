import json
import subprocess
import sys
from pathlib import Path

import pytest

from inference_backend.protocol import message_lines as lines
from inference_backend.protocol import messages as m
from inference_backend.protocol.errors import ErrorCode, RecoverError

EVERY_MESSAGE = [
    m.ClientHello(1, "add-on 0.1"),
    m.Submit("a", '/视频/my "clip".mp4', "/out", 0.5, 2.0, None, "cpu", {"people": {"people": 2}}),
    m.Cancel("a"),
    m.Shutdown(),
    m.Hello(1, "0.1.0", "3.11.7", "cpu", "/log"),
    m.Queued("a", 2),
    m.Started("a"),
    m.Progress("a", "people", 0.25, 0.5, 21.5, 12.0),
    m.Progress("a", "people", 1.0, 1.0, reused=True),
    m.Log("warning", "line\nof two", None),
    m.Note("a", "The focal length is a guess."),
    m.Note("a", "The focal length is a guess.", "camera"),
    m.Result("a", "/out/result.npz", "/out/body.npz", [0, 3], ["a note"]),
    m.JobCancelled("a"),
    m.Error("bad_input", "It is empty.", "Copy it again.", "a"),
]


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: message.type)
def test_every_message_survives_the_line(message):
    line = lines.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert lines.decode(line) == message


def test_no_message_type_is_left_out_of_the_round_trip():
    assert {type(message) for message in EVERY_MESSAGE} == set(lines._TYPES.values())


def test_a_path_that_is_no_unicode_survives():
    message = m.Cancel("clip\udcff.mp4")
    assert lines.decode(lines.encode(message)) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[]",
        b'{"no": "type"}',
        b'{"type": 3}',
        b'{"type": "unheard_of"}',
        b'{"type": "cancel"}',
        b'{"type": "cancel", "job": 3}',
        b'{"type": "cancel", "job": null}',
        b'{"type": "client_hello", "protocol": "1"}',
        b'{"type": "client_hello", "protocol": true}',
        b'{"type": "progress", "job": "a", "stage": "x", "fraction": NaN, "overall": 0}',
        b'{"type": "progress", "job": "a", "stage": "x", "fraction": 1e999, "overall": 0}',
        b'{"type": "progress", "job": "a", "stage": "x", "fraction": true, "overall": 0}',
        b'{"type": "result", "job": "a", "result": "", "body": "", "people": ["0"]}',
        b'{"type": "submit", "job": "a", "video": "v", "out": "o", "settings": []}',
        b"\xff\xfe",
        b"[" * 200_000,
        b" " * (lines.MAX_LINE_BYTES + 1),
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(lines.BadMessage):
        lines.decode(line)


def test_unknown_keys_are_ignored_and_whole_numbers_count_as_floats():
    line = b'{"type": "progress", "job": "a", "stage": "x", "fraction": 1, "overall": 1, "colour": "blue"}'
    decoded = lines.decode(line)
    assert decoded == m.Progress("a", "x", 1.0, 1.0)
    assert isinstance(decoded.fraction, float)


def test_what_cannot_be_said_in_json_is_refused_by_the_sender():
    with pytest.raises(lines.BadMessage):
        lines.encode(m.Progress("a", "x", float("nan"), 0.0))
    with pytest.raises(lines.BadMessage):
        lines.encode(m.Log("info", "x" * lines.MAX_LINE_BYTES))
    with pytest.raises(lines.BadMessage):
        lines.encode(m.Submit("a", "v", "o", settings={"x": object()}))


def test_an_error_keeps_its_code_sentence_and_remedy_on_the_way():
    error = RecoverError(ErrorCode.WRONG_BODY, "It is no body.", "Choose another.")
    back = m.error_of(lines.decode(lines.encode(m.Error.of(error, "a"))))
    assert (back.code, back.sentence, back.remedy) == (error.code, error.sentence, error.remedy)
    assert m.error_of(m.Error("of_a_later_version", "x", "y")).code is ErrorCode.INTERNAL


def test_the_protocol_needs_neither_numpy_nor_torch_nor_bpy():
    code = (
        "import sys; import inference_backend.protocol.message_lines, inference_backend.protocol.versions;"
        "import json; print(json.dumps([m for m in ('numpy', 'torch', 'bpy') if m in sys.modules]))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
