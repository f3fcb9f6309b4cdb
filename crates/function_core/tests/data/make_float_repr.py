#!/usr/bin/env python3
"""Makes float_repr.tsv: how numpy prints 32-bit floats.

    python crates/function_core/tests/data/make_float_repr.py > crates/function_core/tests/data/float_repr.tsv

Each line: the bits in hexadecimal, and the text. Made with numpy 1.26.4, which prints large numbers as Python does
(newer ones switch to an exponent from 1e6 on; below that they agree).
"""

import random

import numpy

NEAR_THE_LIMITS = [1e-4, 1e16, 1.0, 0.1, 1e-5, 1e15, 16777216.0, 1.1754944e-38, 3.4028235e38]


def main():
    for bits in sorted(all_bits()):
        value = numpy.array([bits], dtype=numpy.uint32).view(numpy.float32)[0]
        print(f"{bits:08x}", str(value), sep="\t")


def all_bits():
    """Zeros, infinities, the smallest and largest; the neighbours of where the notation changes; powers of ten
    and two; fractions with few bits, which may lie just between two decimals; random ones, most of them between 0
    and 1 like scores."""
    rng = random.Random(32)
    bits = {0, 0x80000000, 1, 0x80000001, 0x7F800000, 0xFF800000, 0x7FC00000}
    for value in NEAR_THE_LIMITS:
        centre = int(numpy.float32(value).view(numpy.uint32))
        bits.update(range(max(centre - 20, 0), min(centre + 21, 0x7F800001)))
    bits.update(int(numpy.float32(2.0**power).view(numpy.uint32)) for power in range(-149, 128))
    bits.update(int(numpy.float32(odd / 2.0**power).view(numpy.uint32)) for power in range(25) for odd in range(1, 60, 2))
    bits.update(int(numpy.float32(10.0**power).view(numpy.uint32)) for power in range(-45, 39))
    bits.update(int(numpy.float32(rng.random()).view(numpy.uint32)) for _ in range(1000))
    while len(bits) < 3500:
        candidate = rng.getrandbits(32)
        if (candidate & 0x7F800000) != 0x7F800000:
            bits.add(candidate)
    return bits


if __name__ == "__main__":
    main()
