"""Adds to a TensorFlow Lite model how its input picture is normalised, which MediaPipe Tasks insists on knowing.

MediaPipe's own metadata writer needs native code that its recent wheels lack; the flatbuffer classes it works with are
still there, and this is all of it that one image input needs.
"""

from typing import Final

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
from mediapipe.tasks.metadata import schema_py_generated as model_schema

_METADATA_NAME: Final = "TFLITE_METADATA"
_METADATA_IDENTIFIER: Final = b"M001"
_MODEL_IDENTIFIER: Final = b"TFL3"
_MIN_PARSER_VERSION: Final = "1.0.0"  # the first parser that knows NormalizationOptions


def add_image_normalization(model: bytes, *, mean: float, std: float) -> bytes:
    """A copy of a TensorFlow Lite model whose metadata says: input = (pixel - mean) / std, pixel in 0..255, RGB.

    Args:
        model: a model file with one subgraph whose only input is an image, without metadata.
        mean: what is subtracted from each colour value.
        std: what the difference is divided by.

    Returns:
        The new model file; the same bytes for the same input.
    """
    tree = model_schema.ModelT.InitFromObj(model_schema.Model.GetRootAsModel(model, 0))
    buffer = model_schema.BufferT()
    buffer.data = list(_metadata(mean, std, outputs=len(tree.subgraphs[0].outputs)))
    tree.buffers.append(buffer)
    entry = model_schema.MetadataT()
    entry.name = _METADATA_NAME
    entry.buffer = len(tree.buffers) - 1
    tree.metadata = [*(tree.metadata or []), entry]
    return _finish(tree, _MODEL_IDENTIFIER)


def _metadata(mean: float, std: float, *, outputs: int) -> bytes:
    normalization = metadata_schema.NormalizationOptionsT()
    normalization.mean, normalization.std = [mean], [std]
    unit = metadata_schema.ProcessUnitT()
    unit.optionsType = metadata_schema.ProcessUnitOptions.NormalizationOptions
    unit.options = normalization

    image = metadata_schema.ImagePropertiesT()
    image.colorSpace = metadata_schema.ColorSpaceType.RGB
    content = metadata_schema.ContentT()
    content.contentPropertiesType = metadata_schema.ContentProperties.ImageProperties
    content.contentProperties = image

    tensor = metadata_schema.TensorMetadataT()
    tensor.name = "image"
    tensor.content = content
    tensor.processUnits = [unit]

    graph = metadata_schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [tensor]
    graph.outputTensorMetadata = [metadata_schema.TensorMetadataT() for _ in range(outputs)]
    root = metadata_schema.ModelMetadataT()
    root.minParserVersion = _MIN_PARSER_VERSION
    root.subgraphMetadata = [graph]
    return _finish(root, _METADATA_IDENTIFIER)


def _finish(tree: model_schema.ModelT | metadata_schema.ModelMetadataT, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder(0)
    builder.Finish(tree.Pack(builder), identifier)
    return bytes(builder.Output())
