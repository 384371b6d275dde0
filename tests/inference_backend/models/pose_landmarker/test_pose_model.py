import io
import zipfile

import pytest

from inference_backend.models.pose_landmarker import build
from inference_backend.models.pose_landmarker.location import MODEL_FILE, MODEL_SHA256, find_model, sha256_of
from inference_backend.models.pose_landmarker.metadata import add_image_normalization
from inference_backend.protocol.errors import ErrorCode, RecoverError


def normalization(model: bytes) -> tuple[float, float]:
    """Mean and standard deviation that a model's metadata states for its only input."""
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as model_schema

    tree = model_schema.ModelT.InitFromObj(model_schema.Model.GetRootAsModel(model, 0))
    (entry,) = [entry for entry in tree.metadata if entry.name == b"TFLITE_METADATA"]
    data = bytes(tree.buffers[entry.buffer].data)
    root = metadata_schema.ModelMetadataT.InitFromObj(metadata_schema.ModelMetadata.GetRootAsModelMetadata(data, 0))
    (tensor,) = root.subgraphMetadata[0].inputTensorMetadata
    options = tensor.processUnits[0].options
    return float(options.mean[0]), float(options.std[0])


def test_the_model_is_a_stored_aligned_zip_of_two_normalised_networks():
    with zipfile.ZipFile(find_model()) as archive:
        assert archive.namelist() == ["pose_detector.tflite", "pose_landmarks_detector.tflite"]
        assert normalization(archive.read("pose_detector.tflite")) == (127.5, 127.5)
        assert normalization(archive.read("pose_landmarks_detector.tflite")) == (0.0, 255.0)
        data = MODEL_FILE.read_bytes()
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert data.find(archive.read(info.filename)[:4096]) % 4 == 0


def test_bundling_the_same_networks_gives_the_same_bytes():
    with zipfile.ZipFile(find_model()) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert sha256_of(build._bundle(members)) == MODEL_SHA256


def test_normalization_is_added_once_and_always_the_same():
    with zipfile.ZipFile(find_model()) as archive:
        network = archive.read("pose_landmarks_detector.tflite")
    bare = without_metadata(network)
    once = add_image_normalization(bare, mean=3.0, std=4.0)
    assert once == add_image_normalization(bare, mean=3.0, std=4.0)
    assert normalization(once) == (3.0, 4.0)


def without_metadata(model: bytes) -> bytes:
    import flatbuffers
    from mediapipe.tasks.metadata import schema_py_generated as model_schema

    tree = model_schema.ModelT.InitFromObj(model_schema.Model.GetRootAsModel(model, 0))
    tree.metadata = [entry for entry in tree.metadata if entry.name != b"TFLITE_METADATA"]
    builder = flatbuffers.Builder(0)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_a_missing_or_damaged_model_is_an_error_with_a_remedy(tmp_path, content):
    path = tmp_path / "pose.task"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecoverError) as caught:
        find_model(path)
    assert caught.value.code is ErrorCode.MISSING_PART
    assert "make models" in caught.value.remedy


def test_another_wheel_is_refused(tmp_path, capsys):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mediapipe/__init__.py", "")
    wheel = tmp_path / "mediapipe.whl"
    wheel.write_bytes(target.getvalue())
    assert build.main(["--wheel", str(wheel), "--out", str(tmp_path / "out.task")]) == 1
    assert "checksum" in capsys.readouterr().err
    assert not (tmp_path / "out.task").exists()


def test_the_build_does_nothing_when_the_model_is_there(capsys):
    assert build.main([]) == 0
    assert "there already" in capsys.readouterr().out
