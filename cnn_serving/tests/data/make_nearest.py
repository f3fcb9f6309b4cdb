#!/usr/bin/env python3
"""Makes nearest.tsv: which pixels Pillow's nearest neighbour shows, for many lengths.

    assets/venv/bin/python cnn_serving/tests/data/make_nearest.py > cnn_serving/tests/data/nearest.tsv

Each line: length of the source, and the sum of (k + 1) * index for the 227 output pixels k. Made with Pillow 13.0.0.
"""

import random

import numpy
from PIL import Image

SIDE = 227


def main():
    rng = random.Random(227)
    lengths = [*range(1, 1201), *sorted(rng.sample(range(1201, 65536), 600))]
    for length in lengths:
        row = numpy.arange(length, dtype=numpy.int32)[numpy.newaxis]
        shown = numpy.asarray(Image.fromarray(row).resize((SIDE, 1), Image.Resampling.NEAREST))[0]
        print(length, int((shown.astype(numpy.int64) * numpy.arange(1, SIDE + 1)).sum()), sep="\t")


if __name__ == "__main__":
    main()
