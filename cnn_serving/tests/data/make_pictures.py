#!/usr/bin/env python3
"""Makes pictures.tsv: small files of every format, and what Pillow shows of them.

    assets/venv/bin/python cnn_serving/tests/data/make_pictures.py

Each line has a name, the file in hexadecimal digits, and the CRC-32 of the 227 x 227 RGB pixels, or `refused`.
"""

import io
import pathlib
import struct
import zlib

from PIL import Image, features

SIDE = 227
SIZE = WIDTH, HEIGHT = 13, 10
COLOURS = [(x * 19, y * 25, (x * y * 7) % 256) for y in range(HEIGHT) for x in range(WIDTH)]
LEVELS = bytes((x * 19 + y * 3) % 256 for y in range(HEIGHT) for x in range(WIDTH))


def main():
    files = {}
    for part in (bmp, gif, ico, jpeg, png, pnm, qoi, webp):
        files.update({f"{part.__name__} {name}": data for name, data in part()})
    lines = [f"{name}\t{data.hex()}\t{shown(data)}\n" for name, data in files.items()]
    (pathlib.Path(__file__).parent / "pictures.tsv").write_text("".join(lines))


def shown(data):
    try:
        image = Image.open(io.BytesIO(data)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST)
    except Exception:
        return "refused"
    return f"{zlib.crc32(image.tobytes()):08x}"


def picture(mode="RGB"):
    image = Image.new("RGB", SIZE)
    image.putdata(COLOURS)
    if mode == "RGBA":
        image.putalpha(Image.frombytes("L", SIZE, LEVELS))
    return image if mode in ("RGB", "RGBA") else image.convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# --- BMP, whose header and rows are written here, since Pillow writes few kinds of them ----------------------------


def bmp():
    greys = [(i, i, i) for i in range(256)]
    colours = [(i * 5 % 256, i * 11 % 256, 255 - i) for i in range(256)]
    rows = {bits: bytes((7 * i + i // 5) % 256 for i in range(stride(bits) * HEIGHT)) for bits in (1, 4, 8, 16, 24, 32)}
    for bits, count in ((1, 2), (4, 16), (4, 9), (8, 256), (8, 100)):
        yield f"{bits} bits, {count} colours", bmp_file(bits, rows[bits], palette=colours[:count])
    yield "1 bit, black and white", bmp_file(1, rows[1], palette=[(0, 0, 0), (255, 255, 255)])
    yield "1 bit, white and black", bmp_file(1, rows[1], palette=[(255, 255, 255), (0, 0, 0)])
    yield "8 bits, grey", bmp_file(8, rows[8], palette=greys)
    yield "8 bits, 100 greys", bmp_file(8, rows[8], palette=greys[:100])
    yield "8 bits, oldest header", bmp_file(8, rows[8], palette=colours, header=12)
    for bits in (16, 24, 32):
        yield f"{bits} bits", bmp_file(bits, rows[bits])
        yield f"{bits} bits, from the top", bmp_file(bits, rows[bits], height=-HEIGHT)
        yield f"{bits} bits, cut", bmp_file(bits, rows[bits])[:-5]
    for bits, masks in (
        (16, (0xF800, 0x7E0, 0x1F)), (16, (0x7C00, 0x3E0, 0x1F)), (24, (0xFF0000, 0xFF00, 0xFF)),
        (32, (0xFF0000, 0xFF00, 0xFF)), (32, (0xFF000000, 0xFF0000, 0xFF00)), (32, (0xFF000000, 0xFF00, 0xFF)),
        (16, (0xF00, 0xF0, 0xF)),
    ):
        yield f"{bits} bits, masks {masks}", bmp_file(bits, rows[bits], masks=masks)
    for masks in ((0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0, 0, 0, 0)):
        yield f"32 bits, masks {masks}", bmp_file(32, rows[32], masks=masks, header=124)
    runs8 = b"\x0d\x07\x00\x00" + b"\x05\x21\x00\x05\x01\x02\x03\x04\x05\x00\x03\x63\x00\x00" + b"\x00\x02\x02\x03"
    runs8 += b"\x0b\x55\x00\x00" + b"\x0f\x66\x00\x00" * 5
    yield "runs of 8 bits", bmp_file(8, runs8, palette=colours, compression=1)
    yield "runs of 8 bits, grey", bmp_file(8, runs8, palette=greys, compression=1)
    yield "runs of 8 bits that end early", bmp_file(8, runs8[:30] + b"\x00\x01", palette=colours, compression=1)
    runs4 = b"\x0d\x7a\x00\x00" + b"\x04\x21\x00\x05\x12\x34\x50\x00\x04\x63\x00\x00" + b"\x0d\x9c\x00\x00" * 8
    yield "runs of 4 bits", bmp_file(4, runs4, palette=colours[:16], compression=2)
    yield "a picture inside", bmp_file(24, rows[24], compression=5)


def stride(bits):
    return (WIDTH * bits + 31) // 32 * 4


def bmp_file(bits, rows, palette=(), masks=(), header=40, height=HEIGHT, compression=0):
    if header == 12:
        fields = struct.pack("<IHHHH", 12, WIDTH, height, 1, bits)
        table = b"".join(struct.pack("BBB", *reversed(colour)) for colour in palette)
    else:
        compression = 3 if masks else compression
        fields = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, compression, len(rows), 0, 0, len(palette), 0)
        if header > 40:
            fields += struct.pack("<IIII", *masks)
        fields = fields.ljust(header, b"\0")
        table = b"".join(struct.pack("BBBx", *reversed(colour)) for colour in palette)
        if header == 40:
            table = struct.pack(f"<{len(masks)}I", *masks) + table
    offset = 14 + len(fields) + len(table)
    return struct.pack("<2sIII", b"BM", offset + len(rows), 0, offset) + fields + table + rows


# --- GIF ------------------------------------------------------------------------------------------------------------


def gif():
    yield "whole", saved(picture("P"), "GIF", interlace=0)
    yield "interlaced", saved(picture("P"), "GIF", interlace=1)
    colours = bytes(range(10, 10 + 12))
    greys = bytes(i // 3 for i in range(12))
    for name, options in {
        "smaller than its screen": {},
        "smaller than its screen, transparent": {"transparent": 2},
        "beyond its screen": {"screen": (5, 4)},
        "of greys": {"palette": greys},
        "of greys, smaller and transparent": {"palette": greys, "transparent": 3},
        "with a palette of its own": {"own": bytes(range(90, 102))},
        "with greys of its own": {"own": greys},
        "cut": {"cut": 3},
    }.items():
        yield name, gif_file(**({"palette": colours} | options))


def gif_file(palette, screen=SIZE, transparent=None, own=b"", cut=0):
    left, top, width, height = 3, 2, 8, 6
    file = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x81, 1, 0) + palette
    if transparent is not None:
        file += b"!\xf9\x04\x01\x00\x00" + bytes([transparent, 0])
    file += b"," + struct.pack("<HHHHB", left, top, width, height, 0x81 if own else 0) + own
    # Codes of three bits, each block of two pixels after a code that clears the table.
    codes = [code for i in range(0, width * height, 2) for code in (4, i % 4, (i // 8) % 4)] + [5]
    bits = sum(code << 3 * i for i, code in enumerate(codes))
    data = bits.to_bytes((3 * len(codes) + 7) // 8, "little")
    data = data[: len(data) - cut]
    return file + b"\x02" + bytes([len(data)]) + data + b"\x00;"


# --- ICO ------------------------------------------------------------------------------------------------------------


def ico():
    image = picture("RGBA").resize((16, 16))
    other = image.transpose(Image.Transpose.ROTATE_90)
    for kind in ("bmp", "png"):
        yield f"of {kind}", saved(image, "ICO", sizes=[(16, 16), (8, 8)], bitmap_format=kind)
    bitmaps = [saved(each.convert(mode), "ICO", sizes=[(16, 16)], bitmap_format="bmp")
               for each, mode in ((image, "RGB"), (other, "P"), (image, "RGBA"))]
    yield "with 24 bits", bitmaps[0]
    yield "with a palette", bitmaps[1]
    yield "with fewer colours second", joined(bitmaps)
    yield "cut", bitmaps[0][:-3]
    yield "empty", b"\0\0\1\0\0\0"


def joined(icons):
    """One icon with the pictures of all."""
    directory, pictures = b"", b""
    for icon in icons:
        entry = bytearray(icon[6:22])
        struct.pack_into("<I", entry, 12, 6 + 16 * len(icons) + len(pictures))
        directory += entry
        pictures += icon[22:]
    return struct.pack("<HHH", 0, 1, len(icons)) + directory + pictures


# --- the others -----------------------------------------------------------------------------------------------------


def jpeg():
    for sampling in ("4:4:4", "4:2:2", "4:2:0", "4:1:1"):
        yield sampling, saved(picture(), "JPEG", subsampling=sampling)
        yield f"{sampling}, progressive", saved(picture(), "JPEG", subsampling=sampling, progressive=True)
    yield "grey", saved(picture("L"), "JPEG")
    yield "inks", saved(picture("CMYK"), "JPEG")
    yield "without YCbCr", saved(picture(), "JPEG", keep_rgb=True)
    large = picture().resize((64, 48), Image.Resampling.BILINEAR)
    progressive = saved(large, "JPEG", progressive=True, quality=90)
    # Quantisation that no encoder writes, so that values overflow; libjpeg-turbo wraps them on the processors it has code for.
    table = (coarse := bytearray(saved(picture(), "JPEG"))).index(b"\xff\xdb") + 5
    coarse[table : table + 64] = b"\xff" * 64
    yield "with values that overflow", bytes(coarse)
    for scans in (1, 2, 3, 5):
        ends = [i for i in range(len(progressive)) if progressive[i : i + 2] == b"\xff\xda"]
        yield f"progressive, {scans} scans", progressive[: ends[scans]] + b"\xff\xd9"


def png():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = picture("RGBA").convert(mode) if mode != "1" else picture("1")
        yield mode, saved(image, "PNG")
    for depth, kind, channels in ((1, 0, 1), (4, 0, 1), (8, 2, 3), (8, 6, 4), (16, 0, 1), (16, 2, 3)):
        yield f"interlaced, kind {kind} of {depth} bits", interlaced_png(depth, kind, channels)


def interlaced_png(depth, kind, channels):
    rows, value = b"", 0
    passes = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
    for x, right, y, down in passes:
        columns = len(range(x, WIDTH, right))
        for _ in range(y, HEIGHT, down) if columns else ():
            length = (columns * channels * depth + 7) // 8
            rows += b"\0" + bytes((value + 37 * i) % 256 for i in range(length))
            value += 11
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, kind, 0, 0, 1)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def pnm():
    bits = "".join(str(level // 128) for level in LEVELS)
    yield "P1", b"P1 13 10\n" + bits.encode()
    yield "P1 with a comment", b"P1 13 10\n" + bits[:20].encode() + b"# no 0 nor 1\n " + bits[20:].encode()
    yield "P1 with a 2", b"P1 13 10\n" + bits.encode() + b"2"
    yield "P4", b"P4 13 10\n" + bytes((11 * i) % 256 for i in range(2 * HEIGHT))
    samples = [level * 3 + i for level in LEVELS for i in range(3)]
    for maximum in (7, 100, 255, 256, 1023, 65535):
        scaled = [sample * 85 % (maximum + 1) for sample in samples]
        for grey, colour in (("P2", "P3"), ("P5", "P6")):
            for kind, values in ((grey, scaled[: WIDTH * HEIGHT]), (colour, scaled)):
                head = f"{kind}\n# a comment\n13 10 {maximum}\n".encode()
                if kind in ("P2", "P3"):
                    yield f"{kind} to {maximum}", head + " ".join(map(str, values)).encode()
                else:
                    yield f"{kind} to {maximum}", head + struct.pack(f">{len(values)}{'BH'[maximum > 255]}", *values)
    yield "P5 cut", b"P5 13 10 255\n" + LEVELS[:-1]
    yield "P2 beyond its largest", b"P2 13 10 100\n" + b"101 " * 130
    yield "P5 of 65536", b"P5 13 10 65536\n" + LEVELS * 2
    yield "P6 with a comment inside a number", b"P6 1#x\n3 10 255\n" + bytes(LEVELS) * 3


def qoi():
    head = b"qoif" + struct.pack(">IIBB", WIDTH, HEIGHT, 4, 0)
    codes = bytes([0xC3, 0x40, 0x7F, 0x6A, 0xFE, 9, 200, 31, 0xFF, 50, 60, 70, 80, 0x05, 0x80, 0x08, 0xBF, 0xF0, 0xA0, 0x0F])
    codes += bytes([0x00, 0x35, 0x15, 0xFE, 1, 2, 3, 0x05, 0x00])
    body = codes + bytes([0xFE, 7, 99, 1, 0x13, 0x2A]) * 30 + b"\xfd" * 2
    end = bytes(7) + b"\x01"
    yield "with alpha", head + body + end
    yield "without alpha", head[:12] + b"\x03\x00" + body + end
    yield "cut", head + body[:60]


def webp():
    assert features.check("webp")
    large = picture("RGBA").resize((40, 30), Image.Resampling.BILINEAR)
    for quality in (20, 90):
        yield f"lossy {quality}", saved(large.convert("RGB"), "WEBP", quality=quality)
    yield "lossy with alpha", saved(large, "WEBP", quality=60)
    yield "lossless", saved(picture(), "WEBP", lossless=True)
    yield "lossless with alpha", saved(picture("RGBA"), "WEBP", lossless=True, exact=True)
    frames = [large, large.transpose(Image.Transpose.ROTATE_180)]
    for name, options in {"lossless": {"lossless": True}, "lossy": {"quality": 50}}.items():
        yield f"animated, {name}", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], **options)
    small = Image.new("RGBA", (40, 30))
    small.paste(picture("RGBA"), (8, 6))
    yield "animated, smaller than its canvas", saved(
        small, "WEBP", save_all=True, append_images=frames[1:], lossless=True, background=(200, 10, 20, 255)
    )
    yield "cut", saved(large, "WEBP", quality=60)[:-20]


if __name__ == "__main__":
    main()
