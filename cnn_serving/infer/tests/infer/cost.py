"""Makes pictures as large as each format may be, and measures what `infer` takes for each.

    cost.py INFER FOLDER

Prints one line for each picture: its name, peak resident memory in kB, CPU time in seconds, and what infer said.
"""

import io
import os
import pathlib
import random
import resource
import struct
import subprocess
import sys

from PIL import Image

# The address space of ONNX Runtime and its threads counts too, although it is not all used.
ADDRESS_SPACE = 1 << 30
Image.MAX_IMAGE_PIXELS = None


def main():
    infer, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    os.environ["OMP_NUM_THREADS"] = "1"
    for make in (small, png, png_interlaced, png_deep, jpeg, jpeg_fine, jpeg_inks, jpeg_progressive,
                 jpeg_fine_progressive, gif, webp, webp_lossless, webp_alpha, bmp, qoi, pnm):
        path = folder / make.__name__
        path.write_bytes(make())
        # In a process of its own, so that each picture has its own peak.
        reader, writer = os.pipe()
        if os.fork() == 0:
            measure(infer, path, writer)
        os.close(writer)
        os.wait()
        with open(reader) as result:
            print(make.__name__, result.read(), flush=True)
        path.unlink()


def measure(infer, path, writer):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    outcome = subprocess.run([infer, "--json", path], capture_output=True, text=True, preexec_fn=limit)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = "ok" if outcome.returncode == 0 else outcome.stderr.replace("\n", " ")
    os.write(writer, f"{used.ru_maxrss} {used.ru_utime + used.ru_stime:.2f} {said}".encode())
    os._exit(0)


def saved(mode, size, kind, **options):
    """A picture with noise, in tiles so that it is made quickly."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    tile = Image.frombytes(mode, (256, 256), random.Random(1).randbytes(256 * 256 * channels))
    smooth = tile.resize((1000, 1000), Image.Resampling.BILINEAR)
    image = Image.new(mode, size)
    for x in range(0, size[0], 1000):
        for y in range(0, size[1], 1000):
            image.paste(smooth, (x, y))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def flat(mode, size, kind, **options):
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


def small():
    return flat("RGB", (10, 10), "PNG")


def png():
    return flat("RGBA", (10000, 5000), "PNG", compress_level=1)


def png_deep():
    return flat("I;16", (10000, 5000), "PNG", compress_level=1)


def png_interlaced():
    import zlib

    width, height = 10000, 5000
    compressor, data = zlib.compressobj(1), []
    for x, right, y, down in ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)):
        row = bytes(1 + 8 * len(range(x, width, right)))
        data += [compressor.compress(row) for _ in range(y, height, down)]
    data = b"".join(data) + compressor.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def jpeg():
    return saved("RGB", (8000, 4000), "JPEG", quality=85)


def jpeg_fine():
    return saved("RGB", (6000, 4000), "JPEG", quality=80, subsampling=0)


def jpeg_inks():
    return saved("CMYK", (6000, 3000), "JPEG", quality=80)


def jpeg_progressive():
    return saved("RGB", (7800, 4000), "JPEG", quality=80, progressive=True)


def jpeg_fine_progressive():
    return saved("RGB", (5000, 3100), "JPEG", quality=80, subsampling=0, progressive=True)


def gif():
    return saved("P", (10000, 5000), "GIF")


def webp():
    return saved("RGB", (7000, 4000), "WEBP", quality=80, method=0)


def webp_alpha():
    return saved("RGBA", (4000, 3200), "WEBP", quality=80, method=0)


def webp_lossless():
    return flat("RGB", (4000, 3200), "WEBP", lossless=True, method=0)


def bmp():
    width, height = 10000, 5000
    palette = b"".join(struct.pack("BBBx", i, 255 - i, i) for i in range(256))
    row = bytes([255, 7]) * 39 + bytes([55, 9, 0, 0])
    offset = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return struct.pack("<2sIII", b"BM", 0, 0, offset) + header + palette + row * height


def qoi():
    return b"qoif" + struct.pack(">IIBB", 10000, 5000, 4, 0) + b"\xfe\x01\x02\x03" + b"\xfd" * (50_000_000 // 62 + 1) + bytes(8)


def pnm():
    return b"P2 4000 4000 255\n" + b"7 " * 16_000_000


if __name__ == "__main__":
    main()
