#!/usr/bin/env python3
"""Compares the answers of `infer` with those of the original's libraries, Pillow and ONNX Runtime.

    scripts/compare_with_pillow.py [--infer PROGRAM] [--assets FOLDER] [--quiet] [--shown FILE]... FOLDER

Takes every file below FOLDER, classifies it both ways, and prints how many agree in each format, and every
disagreement:

  same      the same five classes with the same scores
  different both answer, but not the same: a silent disagreement
  shown     infer answers what Pillow refuses
  refused   infer refuses what Pillow shows
  neither   both refuse

The exit code is 1 if any file is `different` or `shown`, or if `infer` gave no answer at all.

  --infer PROGRAM   the program (default: target/debug/infer)
  --assets FOLDER   what scripts/setup.sh made (default: assets)
  --quiet           do not list what is `refused`
  --shown FILE      this file, below FOLDER, may be `shown`

Run it with the Python environment in `assets/venv`, which has both libraries.
"""

import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import resource
import signal
import subprocess
import sys
import warnings

SIDE = 227
MEANS_BGR = (103.939, 116.779, 123.68)
KINDS = ("same", "different", "shown", "refused", "neither")
# Neither side may take more than this for one file. Pillow refuses pictures of more than 179 megapixels by itself.
MEMORY_BYTES = 4 << 30
SECONDS = 60
# So many files are compared at once: `infer` loads the network once for them, and their pictures are kept in memory.
BATCH = 64


class NoAnswer(Exception):
    """`infer` ended without telling what became of a file."""


def main():
    args = parse_arguments()
    os.environ["CNN_SERVING_ASSETS"] = str(args.assets)
    # ONNX Runtime would keep a record of its use, and send reports to its maker.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    files = sorted(path for path in args.folder.rglob("*") if path.is_file())
    if not files:
        sys.exit(f"compare_with_pillow.py: {args.folder} has no files; expected pictures")
    counts = collections.defaultdict(collections.Counter)
    failed = False
    classify = Network(args.assets)
    for start in range(0, len(files), BATCH):
        batch = files[start : start + BATCH]
        for path, theirs, ours in zip(batch, [pillow(path) for path in batch], infer(args.infer, batch)):
            kind = compare(classify, theirs, ours)
            counts[theirs["format"]][kind] += 1
            name = str(path.relative_to(args.folder))
            fails = kind == "different" or (kind == "shown" and name not in args.shown)
            failed |= fails
            if fails or (kind == "refused" and not args.quiet):
                print(f"{kind:9} {theirs['format']:5} {name}: {explain(theirs, ours)}")
    print_table(counts)
    return failed


def parse_arguments():
    root = pathlib.Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(add_help=False)
    parser.format_help = parser.format_usage = lambda: __doc__.partition("\n\n")[2]
    parser.add_argument("-h", "--help", action="help")
    parser.add_argument("--infer", type=pathlib.Path, default=root / "target/debug/infer")
    parser.add_argument("--assets", type=pathlib.Path, default=root / "assets")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--shown", action="append", default=[], metavar="FILE")
    parser.add_argument("folder", type=pathlib.Path)
    return parser.parse_args()


def compare(classify, theirs, ours):
    if "pixels" not in theirs:
        return "shown" if "answer" in ours else "neither"
    if "error" in ours:
        return "refused"
    theirs["answer"] = classify(theirs.pop("pixels"))
    return "same" if theirs["answer"] == ours["answer"] else "different"


def explain(theirs, ours):
    return "; ".join(f"{name} {side.get('error') or side.get('answer') or 'shows it'}"
                     for name, side in (("Pillow:", theirs), ("infer:", ours)))


def print_table(counts):
    print(f"{'format':8}" + "".join(f"{kind:>11}" for kind in KINDS))
    for name in sorted(counts):
        print(f"{name:8}" + "".join(f"{counts[name][kind] or '':>11}" for kind in KINDS))
    total = sum(counts.values(), collections.Counter())
    print(f"{'all':8}" + "".join(f"{total[kind]:>11}" for kind in KINDS))


# --- the original's way -----------------------------------------------------------------------------------


def pillow(path):
    """The format of `path`, and either the picture's pixels or why there are none."""
    # A process of its own, since memory and time of one picture are bounded.
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=decode_bounded, args=(path, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return {"format": "?", "error": f"Pillow took more than {SECONDS} s or crashed"}
    finally:
        process.join()
        receiver.close()


def decode_bounded(path, sender):
    bound_resources()
    signal.alarm(SECONDS)
    result = {"format": "?"}
    try:
        decode(path, result)
    except BaseException as error:  # whatever Pillow's plug-ins raise
        result["error"] = f"{type(error).__name__}: {error}".replace("\n", " ")[:200]
    sender.send(result)


def decode(path, result):
    from PIL import Image

    warnings.simplefilter("ignore")
    with Image.open(path) as image:
        result["format"] = image.format
        rgb = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)
    result["pixels"] = rgb.tobytes()


class Network:
    """The five best classes of a picture, as `infer` prints them."""

    def __init__(self, assets):
        self.path = str(assets / "model/squeezenet.onnx")
        self.session = None

    def __call__(self, pixels):
        import numpy

        session = self.session or self.open()
        rgb = numpy.frombuffer(pixels, dtype=numpy.uint8).reshape(SIDE, SIDE, 3)
        bgr = rgb[..., ::-1].astype(numpy.float32) - numpy.array(MEANS_BGR, dtype=numpy.float32)
        planes = numpy.ascontiguousarray(bgr.transpose(2, 0, 1)[numpy.newaxis])
        (scores,) = session.run(["probabilities"], {"image": planes})[0]
        best = numpy.argsort(-scores, kind="stable")[:5]
        return [(self.wnids[index], str(scores[index])) for index in best]

    def open(self):
        # Not before the first processes were forked: the library starts threads.
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        labels = pathlib.Path(__file__).resolve().parent.parent / "cnn_serving/data/imagenet_labels.tsv"
        self.wnids = [line.split("\t")[0] for line in labels.read_text().splitlines()]
        return self.session


# --- ours -------------------------------------------------------------------------------------------------


def infer(program, files):
    """For each file either the answer or the error of `infer`."""
    import numpy

    arguments = [str(path.resolve()) for path in files]
    outcome = subprocess.run([program, "--json", "--", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             timeout=SECONDS * len(files), preexec_fn=bound_resources)
    if outcome.returncode not in (0, 1) or not outcome.stdout:
        if len(files) > 1:
            return [result for path in files for result in infer(program, [path])]
        raise NoAnswer(f"{files[0]}: {program} ended with {outcome.returncode} and without an answer")
    results = []
    for image in json.loads(outcome.stdout):
        if "error" in image:
            results.append({"error": image["error"].removeprefix(f"cannot load the image {image['image']}: ")})
        else:
            best = [(row["wnid"], str(numpy.float32(row["score"]))) for row in image["predictions"]]
            results.append({"answer": best})
    return results


def bound_resources():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoAnswer as error:
        sys.exit(f"compare_with_pillow.py: {error}")
