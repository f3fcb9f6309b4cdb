//! Decoding and resizing of pictures that the tests make.

use std::fs;

use libjpeg_turbo_rs::{PixelFormat, Subsampling};
use png::{BitDepth, ColorType};
use proptest::prelude::*;

use super::*;

/// A PNG file of the given samples, with the header's size as given.
fn png_file(size: (u32, u32), color: ColorType, depth: BitDepth, samples: &[u8]) -> Vec<u8> {
    png_with(size, color, depth, samples, |_| {})
}

fn png_with(
    (width, height): (u32, u32),
    color: ColorType,
    depth: BitDepth,
    samples: &[u8],
    configure: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    configure(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    file
}

fn jpeg_file(side: usize) -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * side * side).map(|i| u8::try_from(i * 7 % 256).unwrap()).collect();
    libjpeg_turbo_rs::compress(&pixels, side, side, PixelFormat::Rgb, 90, Subsampling::S420).unwrap()
}

/// Puts a size into the header of a PNG file, and corrects the header's checksum.
fn set_png_size(file: &mut [u8], width: u32, height: u32) {
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32fast::hash(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
}

/// Puts a size into the frame header of a baseline JPEG file.
fn set_jpeg_size(file: &mut [u8], width: u16, height: u16) {
    let frame = file.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
}

fn thumbnail(file: &[u8]) -> Thumbnail {
    formats::probe(file).unwrap();
    formats::decode(file).unwrap()
}

/// The first row's distinct colours, from left to right.
fn colours(file: &[u8]) -> Vec<[u8; 3]> {
    let mut row = thumbnail(file).0[..SIDE].to_vec();
    row.dedup();
    row
}

fn problem(file: &[u8]) -> String {
    formats::decode(file).unwrap_err().to_string()
}

fn greys(levels: &[u8]) -> Vec<[u8; 3]> {
    levels.iter().map(|level| [*level; 3]).collect()
}

/// The expected colours are what Pillow 13 gives for the same file.
mod as_pillow {
    use super::*;

    #[test]
    fn grey_of_few_bits_is_spread() {
        let file = png_file((4, 1), ColorType::Grayscale, BitDepth::Two, &[0b00_01_10_11]);
        assert_eq!(colours(&file), greys(&[0, 85, 170, 255]));
        let file = png_file((3, 1), ColorType::Grayscale, BitDepth::One, &[0b1010_0000]);
        assert_eq!(colours(&file), greys(&[255, 0, 255]));
    }

    #[test]
    fn grey_of_16_bits_is_clipped() {
        let samples = [0x00, 0x00, 0x00, 0x7f, 0x00, 0xff, 0x01, 0x00, 0x80, 0xff];
        let file = png_file((5, 1), ColorType::Grayscale, BitDepth::Sixteen, &samples);
        assert_eq!(colours(&file), greys(&[0, 127, 255]));
        let file = png_with((5, 1), ColorType::Grayscale, BitDepth::Sixteen, &samples, |encoder| {
            encoder.set_trns(vec![0, 127]);
        });
        assert_eq!(colours(&file), greys(&[0, 127, 255]));
    }

    #[test]
    fn other_16_bits_lose_the_low_byte() {
        let pixels = [[0x00, 0xff], [0x7f, 0xff], [0x80, 0xff], [0xff, 0x00]];
        for (color, channels) in [(ColorType::Rgb, 3), (ColorType::GrayscaleAlpha, 2), (ColorType::Rgba, 4)] {
            let samples: Vec<u8> = pixels.iter().flat_map(|pixel| pixel.repeat(channels)).collect();
            let file = png_file((4, 1), color, BitDepth::Sixteen, &samples);
            assert_eq!(colours(&file), greys(&[0, 127, 128, 255]), "{color:?}");
        }
    }

    #[test]
    fn alpha_is_dropped() {
        let file = png_file((2, 1), ColorType::Rgba, BitDepth::Eight, &[1, 2, 3, 0, 4, 5, 6, 255]);
        assert_eq!(colours(&file), [[1, 2, 3], [4, 5, 6]]);
        let file = png_file((2, 1), ColorType::GrayscaleAlpha, BitDepth::Eight, &[9, 0, 8, 255]);
        assert_eq!(colours(&file), greys(&[9, 8]));
        let file = png_with((2, 1), ColorType::Rgb, BitDepth::Eight, &[1, 2, 3, 4, 5, 6], |encoder| {
            encoder.set_trns(vec![0, 1, 0, 2, 0, 3]);
        });
        assert_eq!(colours(&file), [[1, 2, 3], [4, 5, 6]]);
    }

    #[test]
    fn palettes_are_looked_up_and_missing_entries_are_black() {
        let file = png_with((4, 1), ColorType::Indexed, BitDepth::Two, &[0b00_01_10_11], |encoder| {
            encoder.set_palette(vec![10, 1, 2, 3, 4, 5, 6, 7, 8]);
            encoder.set_trns(vec![128, 1]);
        });
        assert_eq!(colours(&file), [[10, 1, 2], [3, 4, 5], [6, 7, 8], [0, 0, 0]]);
    }

    #[test]
    fn grey_jpegs_are_grey() {
        let file =
            libjpeg_turbo_rs::compress(&[77; 256], 16, 16, PixelFormat::Grayscale, 95, Subsampling::S444)
                .unwrap();
        assert_eq!(colours(&file), greys(&[77]));
    }
}

/// `pictures.tsv` was made with Pillow by `make_pictures.py`.
#[test]
fn every_format_shows_the_pixels_that_pillow_shows() {
    let table = include_str!("../../tests/data/pictures.tsv");
    assert_eq!(table.lines().count(), 123);
    for line in table.lines() {
        let [name, digits, expected] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let byte = |index| u8::from_str_radix(&digits[index..index + 2], 16).unwrap();
        let file: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        let decoded = formats::decode(&file);
        let checksum = decoded.as_ref().map(|Thumbnail(pixels)| crc32fast::hash(pixels.as_flattened()));
        let found = checksum.map_or("refused".to_owned(), |checksum| format!("{checksum:08x}"));
        assert_eq!(found, expected, "{name}: {:?}", decoded.err());
        let _ = formats::probe(&file).map_err(|error| assert_eq!(expected, "refused", "{name}: {error}"));
    }
}

#[test]
fn a_decoder_that_panics_is_survived() {
    // Its palette has four bytes, no multiple of three.
    let file = include_bytes!("../../tests/data/odd_palette.png");
    let expected = "it is a PNG that its decoder cannot cope with: ";
    assert!(problem(file).starts_with(expected), "{}", problem(file));
}

/// What is valid is not called broken.
#[test]
fn what_is_not_supported_is_named() {
    let jpeg = jpeg_file(16);
    let frame = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    // Of each component: its name, its samples, its table.
    let first = frame + 10;
    for (changes, feature) in [
        (&[(frame + 1, 0xc3)][..], "lossless or hierarchical coding"),
        (&[(frame + 4, 12)], "samples of 12 bits"),
        (&[(first + 3, 1)], "several components of one name"),
        (&[(first + 1, 0x11), (first + 4, 0x22)], "colours finer than its brightness"),
    ] {
        let mut file = jpeg.clone();
        changes.iter().for_each(|(position, byte)| file[*position] = *byte);
        assert_eq!(problem(&file), format!("it is a JPEG with {feature}, which is not supported"));
    }
    let gif = b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;";
    assert_eq!(problem(gif), "it is a GIF with no palette, which is not supported");
    let scan = jpeg.windows(2).position(|bytes| bytes == [0xff, 0xda]).unwrap();
    let partial =
        [&jpeg[..scan], &[0xff, 0xda, 0, 10, 2, 2, 0x11, 3, 0x11, 0, 63, 0, 0, 0xff, 0xd9]].concat();
    let expected = "it is a JPEG with some but not all components in one scan, which is not supported";
    assert_eq!(problem(&partial), expected);
}

#[test]
fn the_tensor_holds_blue_green_and_red_planes_without_means() {
    let mut image = Thumbnail(vec![[0, 0, 0]; SIDE * SIDE]);
    image.0[1] = [10, 20, 30];
    let mut tensor = Tensor::from_elem(TENSOR_SHAPE, f32::NAN);
    preprocess(&image, &mut tensor);
    let planes = [0, 1, 2].map(|plane| [0, 1, 2].map(|column| tensor[[0, plane, 0, column]]));
    let expected = [103.939_f32, 116.779, 123.68].map(|mean| [-mean; 3]);
    assert_eq!(planes[0], [expected[0][0], 30.0 - 103.939, expected[0][2]]);
    assert_eq!(planes[1], [expected[1][0], 20.0 - 116.779, expected[1][2]]);
    assert_eq!(planes[2], [expected[2][0], 10.0 - 123.68, expected[2][2]]);
    assert!(tensor.iter().all(|value| value.is_finite()));
}

mod bounds {
    use super::*;

    #[test]
    fn pixels_are_counted_before_memory_is_taken() {
        let mut file = png_file((1, 1), ColorType::Grayscale, BitDepth::Eight, &[0]);
        set_png_size(&mut file, 2_147_483_647, 2_147_483_647);
        assert_eq!(
            problem(&file),
            "it has 2147483647 x 2147483647 pixels; expected 1 to 50000000 in all for a PNG"
        );
        set_png_size(&mut file, 10_000, 5_001);
        assert_eq!(problem(&file), "it has 10000 x 5001 pixels; expected 1 to 50000000 in all for a PNG");

        let mut file = jpeg_file(16);
        set_jpeg_size(&mut file, 65_500, 65_500);
        assert_eq!(
            problem(&file),
            "it has 65500 x 65500 pixels; expected 1 to 32000000 in all for a JPEG with 6 samples for 4 pixels"
        );
    }

    #[test]
    fn a_small_file_that_claims_much_is_broken_and_not_blank() {
        let mut file = png_file((1, 1), ColorType::Rgba, BitDepth::Sixteen, &[0; 8]);
        set_png_size(&mut file, 1000, 1000);
        assert!(problem(&file).starts_with("it is a broken PNG: "), "{}", problem(&file));
        let mut file = jpeg_file(16);
        set_jpeg_size(&mut file, 1000, 1000);
        assert!(problem(&file).starts_with("it is a broken JPEG: "), "{}", problem(&file));
    }

    #[test]
    fn data_beyond_the_last_row_is_not_unpacked() {
        // 64 MiB of zeros in 64 KiB, for one pixel.
        let mut decoded = png_file((1, 1), ColorType::Grayscale, BitDepth::Eight, &[5]);
        let bomb = png_file((8192, 8192), ColorType::Grayscale, BitDepth::Eight, &vec![0; 1 << 26]);
        decoded = [&decoded[..33], &bomb[33..]].concat();
        assert!(decoded.len() < 1 << 20);
        assert_eq!(colours(&decoded), greys(&[0]));
    }

    #[test]
    fn scans_are_limited() {
        let pixels = [100; 16 * 16 * 3];
        let file =
            libjpeg_turbo_rs::compress_progressive(&pixels, 16, 16, PixelFormat::Rgb, 90, Subsampling::S444)
                .unwrap();
        assert_eq!(colours(&file).len(), 1);
        let last_scan = file.windows(2).rposition(|bytes| bytes == [0xff, 0xda]).unwrap();
        let (head, end) = file.split_at(file.len() - 2);
        let scans = [head, &head[last_scan..].repeat(200), end].concat();
        assert!(problem(&scans).contains("more than 100"), "{}", problem(&scans));
    }

    #[test]
    fn long_files_and_things_that_are_not_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.png");
        File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "cannot load the image {}: the file is longer than 33554432 bytes; expected a smaller image",
                path.display()
            )
        );
        for path in [Path::new("/dev/zero"), folder.path()] {
            let error = load(path).unwrap_err().to_string();
            assert!(
                error.ends_with("it is not a file; expected PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI"),
                "{error}"
            );
        }
    }
}

#[test]
fn other_formats_are_refused() {
    for file in [&b""[..], b"GIF8", b"\x89PN", b"\xff\xd8", b"II*\0", b"P7\n", b"hello"] {
        let expected =
            "it is not an image of a supported format; expected PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI";
        assert_eq!(problem(file), expected);
    }
}

#[test]
fn a_file_cut_anywhere_is_noticed_by_both_checks() {
    let png = png_file((40, 40), ColorType::Rgb, BitDepth::Eight, &[200; 4800]);
    let jpeg = jpeg_file(40);
    // A PNG needs its last chunk only to be seen as whole, a JPEG its last marker.
    for (file, needed) in [(&png, png.len() - 12), (&jpeg, jpeg.len() - 2)] {
        for length in 0..file.len() {
            assert!(formats::probe(&file[..length]).is_err(), "{length} of {} bytes", file.len());
            assert!(
                length >= needed || formats::decode(&file[..length]).is_err(),
                "{length} of {}",
                file.len()
            );
        }
        formats::probe(file).unwrap();
    }
}

#[test]
fn a_wrong_byte_in_a_png_is_noticed_without_decoding() {
    let file = png_file((40, 40), ColorType::Rgb, BitDepth::Eight, &[200; 4800]);
    for position in 0..file.len() {
        let mut broken = file.clone();
        broken[position] ^= 0x10;
        assert!(formats::probe(&broken).is_err(), "byte {position}");
    }
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cat.png");
    assert!(load(&path).unwrap_err().to_string().contains(&path.display().to_string()));
    fs::write(&path, "not a picture").unwrap();
    let expected = format!(
        "cannot load the image {}: it is not an image of a supported format; expected PNG, JPEG, GIF, WebP, BMP, ICO, PNM or QOI",
        path.display()
    );
    assert_eq!(load(&path).unwrap_err().to_string(), expected);
    assert_eq!(probe(&path).unwrap_err().to_string(), expected);
}

/// Files with a few bytes changed, taken away or put in.
fn damaged(file: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3);
    prop::collection::vec(change, 1..8).prop_map(move |changes| {
        let mut file = file.clone();
        for (index, byte, kind) in changes {
            let position = index.index(file.len());
            match kind {
                0 => file[position] = byte,
                1 => file.insert(position, byte),
                _ => drop(file.remove(position)),
            }
        }
        file
    })
}

proptest! {
    #[test]
    fn damaged_jpegs_never_panic(file in damaged(jpeg_file(24))) {
        let _ = formats::probe(&file);
        let _ = formats::decode(&file);
    }

    #[test]
    fn damaged_pngs_never_panic(
        file in damaged(png_file((24, 24), ColorType::Rgb, BitDepth::Eight, &[99; 1728])),
    ) {
        let _ = formats::probe(&file);
        let _ = formats::decode(&file);
    }
}
