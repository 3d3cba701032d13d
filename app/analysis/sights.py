"""What can be seen of a scene by its light alone: a sunset, a blue sky, the dark, stripes. Nothing else is claimed.

Each rule describes light and would rather say nothing. Only photographs count: what a program draws is exactly even.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageCms

# numpy is imported where it is used: it comes with the local provider only.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

SUNSET, BLUE_SKY, DARK, STRIPED = "sunset, evening sky", "blue sky", "dark as at night", "striped"
FLOWERS = "bright colours under the sky, like a field of flowers"

_SIDE = 160
# Where a phone's screen shows what was posted and not its own bars, buttons and captions: shares of width and height.
_SCREEN_CONTENT = (0.0, 0.07, 0.84, 0.75)
# Pixels that do not differ from their neighbours at all, and the share of them from which on a picture is drawn.
_EVEN, _DRAWN = 0.3, 0.2
# CIELAB lightness from pixel to pixel, mean of 5 x 5: skies and walls lie below, leaves and gravel above.
_CALM, _WINDOW = 5.0, 5
# Rows count whose larger part is of a kind.
_ACROSS = 0.5
# Standard deviation of lightness across stripes.
_STRIPES = 15.0


def sights(image: Image.Image, *, is_screen: bool, is_worded: bool) -> list[str]:
    """What `image` (mode RGB) shows, in a few fixed words; nothing for most pictures.

    Args:
        is_screen: only the middle of it is somebody's photograph.
        is_worded: there is text on it, whose lines are stripes of no interest.
    """
    sample = image.copy()
    sample.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    if is_screen:
        width, height = sample.size
        left, top, right, bottom = _SCREEN_CONTENT
        sample = sample.crop((int(left * width), int(top * height), int(right * width), int(bottom * height)))
    if min(sample.size) < 4 * _WINDOW:
        return []
    lab = _lab(sample)
    change = _change(lab[..., 0])
    if (change < _EVEN).mean() > _DRAWN:
        return []
    calm = _smoothed(change) < _CALM
    found = {
        SUNSET: _is_sunset(lab, calm),
        BLUE_SKY: _is_blue_sky(lab, calm),
        FLOWERS: _is_flowers(lab, calm),
        DARK: _is_dark(lab),
        STRIPED: not is_worded and _is_striped(lab[..., 0]),
    }
    return [words for words, is_there in found.items() if is_there]


def _is_sunset(lab: Floats, calm: Flags) -> bool:
    """A wide calm sky, warm towards the horizon, above ground that lies in the dark."""
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    warm = _rows(calm & (lightness > 40) & (a > -2) & (a**2 + b**2 > 12**2) & ((b > 0) | (a > -2 * b)))
    sky = (warm | _pale_rows(lab, calm) | _blue_rows(lab, calm)).mean()
    ground = lightness[2 * len(lightness) // 3 :] < 40
    return bool(warm.mean() > 0.05 and 0.25 < _height(warm) < 0.7 and sky > 0.3 and ground.mean() > 0.6)


def _is_flowers(lab: Floats, calm: Flags) -> bool:
    """Sky above, and below it much that is vivid, fine-grained, and neither green nor blue."""
    lower = len(lab) // 2
    sky = (_pale_rows(lab, calm) | _blue_rows(lab, calm))[:lower]
    lightness, a, b = (lab[lower:, :, channel] for channel in range(3))
    vivid = ~calm[lower:] & (lightness > 30) & (a**2 + b**2 > 25**2) & (a > -abs(b) / 5) & (b > -5 * a)
    return bool(sky.mean() > 0.2 and vivid.mean() > 0.3)


def _is_blue_sky(lab: Floats, calm: Flags) -> bool:
    """Calm light blue from side to side, in the upper half."""
    blue = _blue_rows(lab, calm)
    return bool(blue.mean() > 0.1 and _height(blue) < 0.45)


def _pale_rows(lab: Floats, calm: Flags) -> Flags:
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    return _rows(calm & (lightness > 60) & (a**2 + b**2 < 14**2))


def _blue_rows(lab: Floats, calm: Flags) -> Flags:
    lightness, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    return _rows(calm & (lightness > 40) & (b < -10) & (abs(a) < -b))


def _is_dark(lab: Floats) -> bool:
    """Nearly black all over."""
    return bool((lab[..., 0] < 25).mean() > 0.7)


def _is_striped(lightness: Floats) -> bool:
    """Light and dark in turn and at even distances through the middle, one way only."""
    height, width = lightness.shape
    middle = lightness[height // 4 : -(height // 4), width // 4 : -(width // 4)]
    down, across = _relief(middle.mean(axis=1)), _relief(middle.mean(axis=0))
    strong, weak = (down, across) if down.std() >= across.std() else (across, down)
    return bool(strong.std() > _STRIPES and weak.std() < strong.std() / 3 and _is_regular(strong))


def _relief(profile: Floats) -> Floats:
    """`profile` without what changes slowly."""
    import numpy as np

    window = max(3, len(profile) // 4)
    slow = np.convolve(np.pad(profile, window // 2, mode="reflect"), np.ones(window) / window, "valid")
    relief: Floats = profile - slow[: len(profile)]
    return relief


def _is_regular(profile: Floats) -> bool:
    """It crosses its mean at least eight times, at much the same distances."""
    import numpy as np

    crossings = np.flatnonzero(np.diff(np.signbit(profile)))
    distances = np.diff(crossings)
    return len(distances) >= 7 and bool(distances.std() < 0.5 * distances.mean())


def _height(rows: Flags) -> float:
    """Where the rows are on average: 0 the top, 1 the bottom."""
    import numpy as np

    return float(np.flatnonzero(rows).mean() / len(rows)) if rows.any() else 1.0


def _rows(pixels: Flags) -> Flags:
    flags: Flags = pixels.mean(axis=1) > _ACROSS
    return flags


def _lab(image: Image.Image) -> Floats:
    """(height, width, 3) float32: CIELAB lightness 0..100, a and b around 0."""
    import numpy as np

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    converted = ImageCms.applyTransform(image, to_lab)
    assert converted is not None
    stored = np.asarray(converted)
    return np.dstack([stored[..., 0] * np.float32(100 / 255), *(stored[..., n].view(np.int8) for n in (1, 2))]).astype(
        np.float32
    )


def _change(lightness: Floats) -> Floats:
    """How much each pixel differs from the next one below and to the right."""
    import numpy as np

    down = np.abs(np.diff(lightness, axis=0, append=lightness[-1:]))
    across = np.abs(np.diff(lightness, axis=1, append=lightness[:, -1:]))
    change: Floats = down + across
    return change


def _smoothed(values: Floats) -> Floats:
    """The mean of the window around each."""
    import numpy as np

    padded = np.pad(values, _WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW))
    means: Floats = windows.mean(axis=(2, 3))
    return means
