"""Files as programs write them: every trait that bug reports tell of has its right value."""

import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_book import datasets
from unet_book.datasets import files


def gray(seed=0, shape=(24, 32)):
    return np.random.default_rng(seed).integers(0, 200, shape, dtype=np.uint8)


def said(call, *arguments):
    with pytest.raises(ValueError) as caught:
        call(*arguments)
    return str(caught.value)


# ---- colors


COLORS = {
    "rgb": lambda g: np.dstack([g] * 3),
    "rgba": lambda g: np.dstack([g] * 3 + [g * 0 + 255]),
    "la": lambda g: np.dstack([g, g * 0 + 255]),
}


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("kind", COLORS)
def test_equal_channels_are_gray(tmp_path, kind, suffix):
    pixels, path = COLORS[kind](gray()), tmp_path / f"a.{suffix}"
    if suffix == "png":
        Image.fromarray(pixels).save(path)
    else:
        how = {
            "rgb": {"photometric": "rgb"},
            "rgba": {"photometric": "rgb"},
            "la": {"photometric": "minisblack", "planarconfig": "contig"},
        }[kind]
        tifffile.imwrite(path, pixels, **how)
    assert np.array_equal(datasets.read_image(path), datasets.to_unit(gray()))
    assert np.array_equal(datasets.read_labels(path), gray())


def test_a_channel_is_chosen(tmp_path):
    pixels = np.dstack([gray(0), gray(1), gray(2)])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert "3 channels" in said(datasets.read_image, tmp_path / "a.png")
    assert np.array_equal(datasets.read_image(tmp_path / "a.png", 1), datasets.to_unit(gray(1)))
    assert "0 to 2" in said(datasets.read_image, tmp_path / "a.png", 3)
    half = np.dstack([gray(), gray(), gray(), gray() // 2])  # see-through: what is behind?
    Image.fromarray(half).save(tmp_path / "b.png")
    assert "4 channels" in said(datasets.read_image, tmp_path / "b.png")


def test_a_tiffs_palette_is_looked_up_in_an_image_and_not_in_a_mask(tmp_path):
    levels = np.arange(255, -1, -1, dtype=np.uint16) * 257  # a gray palette, turned around
    tifffile.imwrite(tmp_path / "a.tif", gray(), photometric="palette", colormap=[levels] * 3)
    assert np.array_equal(datasets.read_image(tmp_path / "a.tif"), datasets.to_unit(255 - gray()))
    assert np.array_equal(datasets.read_labels(tmp_path / "a.tif"), gray())


def test_an_inverted_scale_is_shown_the_right_way(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", gray(), photometric="miniswhite")
    assert np.array_equal(datasets.read_image(tmp_path / "a.tif"), datasets.to_unit(255 - gray()))
    assert np.array_equal(datasets.read_labels(tmp_path / "a.tif"), gray())  # numbers stay


# ---- which way up


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_camera_is_turned_back(tmp_path, orientation):
    """Pillow is the viewer that both kinds of file are compared with."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(gray()).save(tmp_path / "a.png", exif=exif)
    tag = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", gray(), extratags=tag, metadata=None)
    with Image.open(tmp_path / "a.png") as file:
        from PIL import ImageOps

        shown = np.array(ImageOps.exif_transpose(file))
    for name in ("a.png", "a.tif"):
        assert np.array_equal(datasets.read_image(tmp_path / name), datasets.to_unit(shown)), name
        assert np.array_equal(datasets.read_labels(tmp_path / name), shown)


# ---- axes


def test_axes_of_one_are_dropped_and_frames_are_counted(tmp_path):
    stack = np.stack([gray(k) for k in range(4)])
    tifffile.imwrite(tmp_path / "t.tif", stack, imagej=True, metadata={"axes": "TYX"})
    tifffile.imwrite(tmp_path / "z.tif", stack[:1][None], imagej=True, metadata={"axes": "TZYX"})
    tifffile.imwrite(tmp_path / "1hw.tif", stack[:1], photometric="minisblack")
    tifffile.imwrite(
        tmp_path / "hw1.tif", stack[0][..., None], photometric="minisblack", metadata=None
    )
    for name in ("z.tif", "1hw.tif", "hw1.tif"):
        assert np.array_equal(datasets.read_image(tmp_path / name), datasets.to_unit(gray(0)))
    frames = files.read_gray(tmp_path / "t.tif")
    assert len(frames) == 4 and np.array_equal(frames[2], gray(2))
    assert "4 images in one file" in said(datasets.read_image, tmp_path / "t.tif")


def test_channels_of_a_composite_are_no_frames(tmp_path):
    pair = np.stack([gray(0), gray(1)])
    tifffile.imwrite(tmp_path / "c.tif", pair, imagej=True, metadata={"axes": "CYX"})
    assert "2 channels" in said(files.read_gray, tmp_path / "c.tif")
    (frame,) = files.read_gray(tmp_path / "c.tif", 1)
    assert np.array_equal(frame, gray(1))


def test_a_file_that_names_its_sisters_is_one_page(tmp_path):
    names = [f"run_T{t}.ome.tif" for t in range(3)]
    data = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{t}</UUID>'
        "</TiffData>"
        for t, name in enumerate(names)
    )
    for t, name in enumerate(names):
        text = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
            f' UUID="urn:uuid:{t}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint8" SizeX="32" SizeY="24" SizeZ="1" SizeC="1" '
            f'SizeT="3">{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(tmp_path / name, gray(t), description=text, metadata=None)
    for t, name in enumerate(names):
        assert np.array_equal(datasets.read_image(tmp_path / name), datasets.to_unit(gray(t)))


@pytest.mark.parametrize("name", ["own.ome.tif", "renamed.ome.tif"])
def test_channels_of_a_file_that_names_itself_are_no_frames(tmp_path, name):
    """Bio-Formats writes a file's own name into it; the file may have another one by now."""
    blocks = "".join(
        f'<TiffData FirstC="{c}" IFD="{c}" PlaneCount="1"><UUID FileName="own.ome.tif">urn:uuid:7'
        "</UUID></TiffData>"
        for c in range(2)
    )
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
        'UUID="urn:uuid:7"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" '
        'Type="uint8" SizeX="32" SizeY="24" SizeZ="1" SizeC="2" SizeT="1">'
        f"{blocks}</Pixels></Image></OME>"
    )
    with tifffile.TiffWriter(tmp_path / name) as file:
        file.write(gray(0), description=text, metadata=None)
        file.write(gray(1), metadata=None)
    assert "2 channels" in said(files.read_gray, tmp_path / name)
    (frame,) = files.read_gray(tmp_path / name, 1)
    assert np.array_equal(frame, gray(1))


def test_of_a_pyramid_the_full_page_is_read(tmp_path):
    large = gray(0, (64, 96)).astype(np.uint16) * 16
    with tifffile.TiffWriter(tmp_path / "p.ome.tif", ome=True) as file:
        file.write(large, subifds=1, tile=(32, 32))
        file.write(large[::2, ::2], subfiletype=1, tile=(32, 32))
    with tifffile.TiffWriter(tmp_path / "t.tif") as file:
        file.write(large, metadata=None)
        file.write(large[::8, ::8], subfiletype=1, metadata=None)
    for name in ("p.ome.tif", "t.tif"):
        assert np.array_equal(datasets.read_image(tmp_path / name), datasets.to_unit(large)), name


def test_images_of_other_sizes_are_told(tmp_path):
    """No mark says that they are thumbnails, so they may be somebody's images."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for shape in ((24, 32), (9, 9), (9, 8)):
            file.write(gray(0, shape), metadata=None)
    for decode in (files.decode, decode_by_pillow):
        with pytest.warns(UserWarning, match="a.tif: the first image is read, and 2 of other"):
            assert np.array_equal(decode(tmp_path / "a.tif")[0], gray())


# ---- two decoders, one answer


def decode_by_pillow(path, as_shown=False):
    """As if the file's compression needed a package that is not there."""
    return files._without_codecs(path, as_shown, ValueError("imagecodecs"))


def extremes(dtype):
    """Every kind of value of a type, its smallest and largest among them."""
    if dtype == "?":
        return gray() > 100
    if np.dtype(dtype).kind == "f":
        return (gray() - 90.5).astype(dtype)
    info = np.iinfo(dtype)
    pixels = np.random.default_rng(0).integers(info.min, info.max, (24, 32), dtype, endpoint=True)
    pixels[0, :2] = info.min, info.max
    return pixels


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "f4"])
def test_types_come_back_from_both_decoders(tmp_path, dtype, order):
    tag = [(274, "H", 1, 6, True)]  # a turned camera
    how = {"byteorder": order, "extratags": tag, "metadata": None, "compression": "zlib"}
    tifffile.imwrite(tmp_path / "a.tif", extremes(dtype), photometric="minisblack", **how)
    decoders = [files.decode, decode_by_pillow]
    if order == ">" and dtype in files.SWAPPED:
        assert "imagecodecs" in said(decoders.pop(), tmp_path / "a.tif")
    for decode in decoders:
        found, axes = decode(tmp_path / "a.tif")
        assert np.array_equal(found, np.rot90(extremes(dtype), 3)) and axes == "YX"
        assert found.dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", ["?", "u1", "u2"])
@pytest.mark.parametrize("software", ["tifffile.py", "another"])
def test_an_inverted_scale_is_one_thing_in_both_decoders(tmp_path, dtype, software):
    """Bits are black and white, unless tifffile wrote them, whose True of a mask is a cell."""
    pixels = extremes(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="miniswhite", software=software)
    own = dtype == "?" and software == "tifffile.py"
    for decode in (files.decode, decode_by_pillow):
        for as_shown in (True, False):
            inverted = not own and (as_shown or dtype == "?")
            expected = files._inverse(pixels) if inverted else pixels
            assert np.array_equal(decode(tmp_path / "a.tif", as_shown)[0], expected)


def test_a_mask_of_bits_keeps_its_cells(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", gray() > 150)
    assert np.array_equal(datasets.read_labels(tmp_path / "a.tif") > 0, gray() > 150)


def test_twelve_bits_are_read(tmp_path):
    """Two pixels in three bytes, as cameras pack them."""
    pixels = extremes("u2") >> 4
    first, second = pixels[:, ::2], pixels[:, 1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
    tifffile.imwrite(tmp_path / "a.tif", packed.reshape(24, 48).astype(np.uint8), metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for tag, value in ((256, 32), (258, 12)):  # the width, the bits of a pixel
        entry = content.index(tag.to_bytes(2, "little"), 8)
        content[entry + 8 : entry + 10] = value.to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(content)
    assert np.array_equal(files.decode(tmp_path / "a.tif")[0], pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "zstd"])
def test_of_a_compressed_pyramid_the_full_page_is_read(tmp_path, compression):
    large, small = Image.fromarray(gray(0, (64, 96))), Image.fromarray(gray(1, (16, 24)))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    try:
        how = {"compression": compression, "save_all": True, "append_images": [small]}
        large.save(tmp_path / "a.tif", **how)
    except (OSError, KeyError) as error:
        pytest.skip(f"this Pillow writes no such TIFF: {error}")
    assert np.array_equal(files.decode(tmp_path / "a.tif")[0], np.array(large))


# ---- what is inside counts, not the ending


def test_a_png_that_is_called_tif_is_read(tmp_path):
    Image.fromarray(gray()).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    assert np.array_equal(datasets.read_labels(tmp_path / "a.tif"), gray())


def test_a_mask_that_was_compressed_with_loss_is_refused(tmp_path):
    Image.fromarray(gray()).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    Image.fromarray(gray()).save(tmp_path / "b.tif", compression="jpeg")
    Image.fromarray(gray()).save(tmp_path / "c.webp", quality=50)
    (tmp_path / "c.webp").rename(tmp_path / "c.png")
    for name, kind in (("a.png", "JPEG"), ("b.tif", "JPEG"), ("c.png", "WEBP")):
        assert f"{kind} changes label values" in said(datasets.read_labels, tmp_path / name)
        if kind == "JPEG":  # the third is in colors
            assert datasets.read_image(tmp_path / name).shape == (24, 32)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "npy"])
def test_other_kinds_of_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, gray())
    else:
        Image.fromarray(gray()).save(path)
    assert np.array_equal(datasets.read_image(path), datasets.to_unit(gray()))
    white = 255 * (gray() > 100).astype(np.uint8)
    np.save(path, white) if suffix == "npy" else Image.fromarray(white).save(path)
    assert np.array_equal(datasets.read_labels(path) > 0, white > 0)


def test_objects_of_python_are_never_read(tmp_path):
    np.save(tmp_path / "a_seg.npy", {"masks": gray()}, allow_pickle=True)
    assert "objects of Python" in said(datasets.read_labels, tmp_path / "a_seg.npy")


def test_a_compression_that_needs_a_package_names_it(tmp_path):
    pytest.importorskip("tifffile")
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("imagecodecs is installed, and reads it")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(gray(), metadata=None)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    entry = content.index((259).to_bytes(2, "little"))  # the tag Compression: make it zstd's
    content[entry + 8 : entry + 10] = (50000).to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(content)
    text = said(datasets.read_image, tmp_path / "a.tif")
    assert "ZSTD" in text and "pip install imagecodecs" in text and "truncated" not in text


def test_a_very_large_image_is_no_attack(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(gray()).save(tmp_path / "a.png")
    assert datasets.read_image(tmp_path / "a.png").shape == (24, 32)
    assert Image.MAX_IMAGE_PIXELS == 100


# ---- the pixels' size


def test_the_pixels_size_is_carried_over(tmp_path):
    per = 1 / 0.325
    tifffile.imwrite(
        tmp_path / "fiji.tif", gray(), imagej=True, resolution=(per, per), metadata={"unit": "um"}
    )
    tifffile.imwrite(tmp_path / "inch.tif", gray(), resolution=(300, 200), resolutionunit="inch")
    tifffile.imwrite(tmp_path / "none.tif", gray(), metadata=None)
    size, unit = files.read_resolution(tmp_path / "fiji.tif")
    assert size == pytest.approx((10_000 * per, 10_000 * per), rel=1e-4) and unit == 3
    assert files.read_resolution(tmp_path / "inch.tif") == ((300, 200), 2)
    datasets.write_labels(tmp_path / "out.tif", gray().astype(int), (size, unit))
    again = files.read_resolution(tmp_path / "out.tif")
    assert again[0] == pytest.approx(size, rel=1e-4) and again[1] == 3
    Image.fromarray(gray()).save(tmp_path / "a.png")
    assert files.read_resolution(tmp_path / "a.png") is None


@pytest.mark.parametrize(
    "unit, per_centimeter", [("nm", 1e7), ("µm", 1e4), (None, 1e4), ("mm", 10), ("pixel", None)]
)
def test_an_ome_files_pixels_size_is_read(tmp_path, unit, per_centimeter):
    """OME's own default is the micrometer."""
    how = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25}
    units = {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit} if unit else {}
    tifffile.imwrite(tmp_path / "a.ome.tif", gray(), metadata=how | units)
    if per_centimeter is None:
        assert files.read_resolution(tmp_path / "a.ome.tif")[1] == 1  # TIFF's "no unit"
    else:
        size, number = files.read_resolution(tmp_path / "a.ome.tif")
        assert size == pytest.approx((2 * per_centimeter, 4 * per_centimeter)) and number == 3
        datasets.write_labels(tmp_path / "out.tif", gray().astype(int), (size, number))
        assert files.read_resolution(tmp_path / "out.tif")[0] == pytest.approx(size, rel=1e-3)


@pytest.mark.parametrize("said", [(0, 1), (1, 0), (0, 0)])
def test_a_pixels_size_of_nothing_is_none(tmp_path, said):
    tifffile.imwrite(tmp_path / "a.tif", gray(), resolution=(7, 7), metadata=None)
    content = (tmp_path / "a.tif").read_bytes()
    seven = np.array([7, 1], "<u4").tobytes()
    assert content.count(seven) == 2
    (tmp_path / "a.tif").write_bytes(content.replace(seven, np.array(said, "<u4").tobytes()))
    assert files.read_resolution(tmp_path / "a.tif") is None


@pytest.mark.parametrize("unit, each", [("nm", 1e7), ("mm", 10), ("cm", 1), ("micron", 1e4)])
def test_units_that_fiji_says_in_words(tmp_path, unit, each):
    tifffile.imwrite(
        tmp_path / "a.tif", gray(), imagej=True, resolution=(4, 2), metadata={"unit": unit}
    )
    assert files.read_resolution(tmp_path / "a.tif") == ((4 * each, 2 * each), 3)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_an_array_in_colors_is_no_stack(tmp_path, count):
    """Of (H, W, 3) the last axis is color; of (3, H, W) and (N, H, 4) the first counts images."""
    np.save(tmp_path / "a.npy", np.stack([gray()] * count, -1))
    assert np.array_equal(datasets.read_image(tmp_path / "a.npy"), datasets.to_unit(gray()))
    np.save(tmp_path / "b.npy", np.stack([gray()] * 3))
    assert len(files.read_gray(tmp_path / "b.npy")) == 3


# ---- traits that would be lost in silence


def png_of_16_bits(path, pixels):
    """A PNG of (H, W, C) uint16, which Pillow can't write."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0),
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_no_bit_of_a_png_is_lost(tmp_path, channels):
    """Of 16 bits of colors Pillow keeps 8: cell 300 would be cell 1, and cell 200 background."""
    labels = np.repeat(gray().astype(np.uint16)[..., None] + 200, channels, axis=2)
    file = png_of_16_bits(tmp_path / "a.png", labels)
    for read in (datasets.read_image, datasets.read_labels):
        assert "16 bits" in said(read, file)
    file = png_of_16_bits(tmp_path / "b.png", labels[..., :1])
    assert np.array_equal(datasets.read_labels(file), labels[..., 0])


@pytest.mark.parametrize("shape", [(1, 32), (24, 1), (1, 1)])
def test_one_row_or_column_of_equal_channels_is_gray(tmp_path, shape):
    line = gray()[: shape[0], : shape[1]]
    Image.fromarray(np.dstack([line] * 3)).save(tmp_path / "a.png")
    assert np.array_equal(datasets.read_image(tmp_path / "a.png"), datasets.to_unit(line))
    assert np.array_equal(datasets.read_labels(tmp_path / "a.png"), line)


@pytest.mark.parametrize("size", ["abc", "1e-12", "inf", "nan", "1e30"])
def test_a_pixels_size_that_makes_no_sense_is_none(tmp_path, size):
    how = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    tifffile.imwrite(tmp_path / "a.tif", gray(), ome=True, metadata=how)
    resolution = files.read_resolution(tmp_path / "a.tif")
    assert resolution in (None, ((1.0, 1.0), 1))
    datasets.write_labels(tmp_path / "b.tif", gray(), resolution)  # which it can always write


def test_a_broken_tiff_was_written_by_nobody(tmp_path):
    for start in (b"II*\0", b"MM\0*", b"II*\0garbage"):
        (tmp_path / "a.tif").write_bytes(start)
        assert files.written_by(tmp_path / "a.tif") == ""
        assert files.read_resolution(tmp_path / "a.tif") is None


def test_no_bit_is_lost_where_pillow_has_to_stand_in(tmp_path):
    """Fiji's LZW, which tifffile reads with a further package only."""
    colors = np.dstack([gray().astype(np.uint16) + 200] * 3)
    tifffile.imwrite(tmp_path / "a.tif", colors, photometric="rgb", compression="zlib")
    assert "imagecodecs" in said(decode_by_pillow, tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", colors[..., 0], compression="zlib")
    assert np.array_equal(decode_by_pillow(tmp_path / "a.tif")[0], colors[..., 0])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_frames_that_a_stopped_acquisition_never_took_are_not_invented(tmp_path, compression):
    how = {"ome": True, "metadata": {"axes": "TYX"}, "compression": compression}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([gray(0), gray(1)]), **how)
    assert len(files.read_gray(tmp_path / "a.ome.tif")) == 2
    content = (tmp_path / "a.ome.tif").read_bytes()
    for word in (b'SizeT="%d"', b'PlaneCount="%d"'):
        assert word % 2 in content
        content = content.replace(word % 2, word % 5)
    (tmp_path / "a.ome.tif").write_bytes(content)
    assert "3 of the 5 images" in said(files.read_gray, tmp_path / "a.ome.tif")


def test_a_damaged_size_is_told_before_terabytes_are_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", gray(), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[0].tags["ImageLength"].valueoffset
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place + 3] = 13
    (tmp_path / "a.tif").write_bytes(content)
    assert "more than its" in said(datasets.read_image, tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", gray() > 100)  # of bits, eight in a byte
    assert datasets.read_image(tmp_path / "a.tif").shape == (24, 32)


# Large files, and files written piece by piece ---------------------------------------------------


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_frames_of_a_large_film_come_from_the_disk(tmp_path, monkeypatch, compression):
    film = np.arange(4 * 30 * 40, dtype=np.uint16).reshape(4, 30, 40)
    tifffile.imwrite(tmp_path / "a.tif", film, photometric="minisblack", compression=compression)
    monkeypatch.setattr(files, "LARGE", film.nbytes - 1)
    frames = files.read_gray(tmp_path / "a.tif")
    assert np.array_equal(frames, film)
    assert all(isinstance(frame, np.memmap) for frame in frames)


def test_a_tiff_in_pieces_is_one_stack_or_nothing(tmp_path):
    with files.tiff_writer(tmp_path / "a.tif", ((300.0, 200.0), 3), count=2) as add:
        for value in (1, 2):
            add(np.full((5, 6), value, np.uint8))
        assert not (tmp_path / "a.tif").exists()
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif")[:, 0, 0], [1, 2])
    assert files.read_resolution(tmp_path / "a.tif") == ((300, 200), 3)
    assert files.read_axes(tmp_path / "a.tif") == {"I": 2, "Y": 5, "X": 6}
    with pytest.raises(KeyboardInterrupt), files.tiff_writer(tmp_path / "b.tif") as add:
        add(np.zeros((5, 6), np.uint8))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_axes_are_the_files_own(tmp_path):
    film = np.zeros((2, 3, 4, 20, 30), np.uint16)
    axes = {"axes": "TZCYX"}
    tifffile.imwrite(tmp_path / "a.ome.tif", film, photometric="minisblack", metadata=axes)
    tifffile.imwrite(tmp_path / "b.tif", film, imagej=True, metadata=axes)
    Image.new("L", (30, 20)).save(tmp_path / "c.png")
    found = [files.read_axes(tmp_path / name) for name in ("a.ome.tif", "b.tif", "c.png")]
    assert found == [{"T": 2, "Z": 3, "C": 4, "Y": 20, "X": 30}] * 2 + [{}]
