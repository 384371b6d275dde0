import sys

import pytest

from inference_backend.doctor.files import look_at_files
from inference_backend.models.pose_landmarker import system_libraries
from inference_backend.models.pose_landmarker.system_libraries import loading_failed, require_system_libraries
from inference_backend.protocol.errors import ErrorCode, RecoverError
from inference_backend.stages.people.landmarker import PictureLandmarker, vision


def test_a_library_that_is_missing_is_named_with_its_packages():
    text = "libEGL.so.1: cannot open shared object file: No such file or directory"
    error = loading_failed(OSError(text))
    assert error.code is ErrorCode.MISSING_PART
    assert error.sentence == "MediaPipe needs the system library libEGL.so.1, which is not installed."
    assert error.remedy == "Install it (on Debian and Ubuntu: apt install libegl1 libgles2) and start again."
    other = loading_failed(OSError("/somewhere/libmediapipe.so: invalid ELF header"))
    assert (other.code, "invalid ELF header" in other.sentence) == (ErrorCode.MISSING_PART, True)


def test_a_landmarker_that_cannot_be_made_says_what_is_missing(monkeypatch):
    def without_library(_options):
        raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(vision.PoseLandmarker, "create_from_options", without_library)
    with pytest.raises(RecoverError, match=r"libGLESv2\.so\.2") as caught:
        PictureLandmarker(1)
    assert caught.value.code is ErrorCode.MISSING_PART


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes these from the system")
def test_the_doctor_misses_a_library(monkeypatch):
    require_system_libraries()
    with pytest.raises(RecoverError, match=r"libnobody-wrote-this\.so\.3") as caught:
        require_system_libraries(("libnobody-wrote-this.so.3",))
    monkeypatch.setattr(system_libraries.ctypes, "CDLL", _missing)
    (finding,) = [finding for finding in look_at_files() if finding.subject == "system libraries"]
    assert (finding.ok, finding.necessary, finding.remedy) == (False, True, caught.value.remedy)
    assert "libEGL.so.1" in finding.state


def _missing(name):
    raise OSError(f"{name}: cannot open shared object file: No such file or directory")
