"""The drawing kit: a canvas finer than its result, with soft shadows, gradients, splines and seeded noise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont

Point = tuple[float, float]
RGB = tuple[int, int, int]
Stops = Sequence[tuple[float, str]]

SCALE = 2
FACES = {
    "sans": "DejaVuSans.ttf",
    "bold": "DejaVuSans-Bold.ttf",
    "oblique": "DejaVuSans-Oblique.ttf",
    "light": "DejaVuSans-ExtraLight.ttf",
    "narrow": "DejaVuSansCondensed.ttf",
    "narrow-bold": "DejaVuSansCondensed-Bold.ttf",
    "mono": "DejaVuSansMono.ttf",
    "mono-bold": "DejaVuSansMono-Bold.ttf",
    "serif": "DejaVuSerif.ttf",
    "serif-bold": "DejaVuSerif-Bold.ttf",
    "serif-italic": "DejaVuSerif-Italic.ttf",
    "serif-narrow-bold": "DejaVuSerifCondensed-Bold.ttf",
}


def rgb(colour: str) -> RGB:
    """The three channels of a colour name."""
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def blend(first: str, second: str, share: float) -> str:
    """A colour between two others: share 0 is the first, 1 the second."""
    one, two = rgb(first), rgb(second)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(one, two, strict=True))


def smooth(points: Sequence[Point], closed: bool = True, steps: int = 12) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    count = len(points)
    curve: list[Point] = []
    for index in range(count if closed else count - 1):
        if closed:
            a, b, c, d = (points[(index + shift) % count] for shift in (-1, 0, 1, 2))
        else:
            a, b, c, d = (points[min(max(index + shift, 0), count - 1)] for shift in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            weights = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            around = list(zip(weights, (a, b, c, d), strict=True))
            curve.append((sum(w * p[0] for w, p in around) / 2, sum(w * p[1] for w, p in around) / 2))
    return curve if closed else [*curve, points[-1]]


def mirrored(half: Sequence[Point], axis: float) -> list[Point]:
    """A symmetric outline from its right half, listed from top to bottom."""
    return [*half, *[(2 * axis - x, y) for x, y in reversed(half)]]


@dataclass
class Kit:
    """What a drawing function is given: the fonts and its own seeded chance."""

    font_dir: Path
    rng: random.Random
    loaded: dict[tuple[str, int], ImageFont.FreeTypeFont] = field(default_factory=dict)

    def font(self, face: str, size: int) -> ImageFont.FreeTypeFont:
        """A font of the family, read once."""
        if (face, size) not in self.loaded:
            path = self.font_dir / FACES[face]
            self.loaded[face, size] = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        return self.loaded[face, size]

    def noise(self, size: tuple[int, int], cell: tuple[float, float] = (1, 1), spread: float = 1.0) -> Image.Image:
        """Grey noise around 128; cells wider than a pixel make it cloudy, uneven cells make it stringy."""
        width, height = max(2, round(size[0] / cell[0])), max(2, round(size[1] / cell[1]))
        small = Image.frombytes("L", (width, height), self.rng.randbytes(width * height))
        small = small.point([round(128 + (value - 128) * spread) for value in range(256)])
        return small.resize(size, Image.Resampling.BICUBIC)

    def clouds(self, size: tuple[int, int], cell: float, squash: float = 1.0) -> Image.Image:
        """Several octaves of noise, as in clouds, stone and stained paper."""
        sky = self.noise(size, (cell, cell * squash))
        for octave in range(1, 4):
            finer = cell / 2**octave
            sky = Image.blend(sky, self.noise(size, (finer, finer * squash)), 0.34)
        return sky

    def grain(self, image: Image.Image, spread: float = 0.1) -> Image.Image:
        """The fine unevenness of a sensor."""
        speck = self.noise(image.size, (2.2, 2.2), spread * 0.35)
        return ImageChops.overlay(image, Image.merge("RGB", (speck, speck, speck)))


def tinted(mask: Image.Image, dark: str, light: str) -> Image.Image:
    """A grey picture spread between two colours."""
    channels = []
    for low, high in zip(rgb(dark), rgb(light), strict=True):
        channels.append(mask.point([round(low + (high - low) * value / 255) for value in range(256)]))
    return Image.merge("RGB", channels)


def levels(mask: Image.Image, low: float, high: float, top: int = 255) -> Image.Image:
    """Stretch a mask: everything below low becomes 0, above high becomes top."""
    return mask.point([round(top * min(1.0, max(0.0, (value - low) / (high - low)))) for value in range(256)])


def lit(image: Image.Image, corners: tuple[int, int, int, int]) -> Image.Image:
    """Uneven light: brightness at the four corners (top left, top right, bottom left, bottom right)."""
    lamp = Image.frombytes("L", (2, 2), bytes(corners)).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(image, Image.merge("RGB", (lamp, lamp, lamp)))


class Canvas:
    """A picture in the making. Coordinates are those of the result; the surface underneath is SCALE times finer."""

    def __init__(self, kit: Kit, width: int, height: int, fill: str = "#ffffff") -> None:
        self.kit = kit
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width * SCALE, height * SCALE), fill)
        self.pen = ImageDraw.Draw(self.image, "RGBA")

    def box(self, x: float, y: float, w: float, h: float, fill: str, radius: float = 0) -> None:
        """A filled rectangle, round at the corners if asked."""
        corners = (x * SCALE, y * SCALE, (x + w) * SCALE - 1, (y + h) * SCALE - 1)
        self.pen.rounded_rectangle(corners, radius * SCALE, fill=fill)

    def frame(self, x: float, y: float, w: float, h: float, colour: str, thick: float = 2, radius: float = 0) -> None:
        """The outline of a rectangle."""
        corners = (x * SCALE, y * SCALE, (x + w) * SCALE - 1, (y + h) * SCALE - 1)
        self.pen.rounded_rectangle(corners, radius * SCALE, outline=colour, width=round(thick * SCALE))

    def oval(self, x: float, y: float, rx: float, ry: float, fill: str) -> None:
        """A filled ellipse around its centre."""
        self.pen.ellipse(((x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE), fill=fill)

    def ring(self, x: float, y: float, radius: float, colour: str, thick: float) -> None:
        """A circle that is not filled."""
        corners = ((x - radius) * SCALE, (y - radius) * SCALE, (x + radius) * SCALE, (y + radius) * SCALE)
        self.pen.ellipse(corners, outline=colour, width=round(thick * SCALE))

    def poly(self, points: Sequence[Point], fill: str) -> None:
        """A filled outline."""
        self.pen.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def line(self, points: Sequence[Point], colour: str, thick: float = 2) -> None:
        """A line through the points."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.pen.line(scaled, fill=colour, width=max(1, round(thick * SCALE)), joint="curve")

    def dashes(self, start: Point, end: Point, colour: str, thick: float = 2, dash: float = 12) -> None:
        """A broken line: stitches, folds, perforations."""
        length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
        step = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        at = 0.0
        while at < length:
            stop = min(at + dash, length)
            here = (start[0] + step[0] * at, start[1] + step[1] * at)
            there = (start[0] + step[0] * stop, start[1] + step[1] * stop)
            self.line([here, there], colour, thick)
            at += dash * 1.8

    def text(
        self, x: float, y: float, words: str, size: float, colour: str = "#111111", face: str = "sans", at: str = "la"
    ) -> float:
        """Write one line and return where it ends."""
        font = self.kit.font(face, round(size * SCALE))
        self.pen.text((x * SCALE, y * SCALE), words, font=font, fill=colour, anchor=at)
        return x + font.getlength(words) / SCALE

    def spaced(self, x: float, y: float, words: str, size: float, colour: str, face: str, gap: float) -> None:
        """One centred line with air between its letters."""
        font = self.kit.font(face, round(size * SCALE))
        total = sum(font.getlength(letter) / SCALE + gap for letter in words) - gap
        at = x - total / 2
        for letter in words:
            at = self.text(at, y, letter, size, colour, face, "lm") + gap

    def wrap(self, words: str, size: float, face: str, width: float) -> list[str]:
        """The lines that fit in the width."""
        font = self.kit.font(face, round(size * SCALE))
        lines: list[str] = []
        for word in words.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and font.getlength(longer) / SCALE <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines

    def prose(
        self, x: float, y: float, words: str, size: float, width: float, colour: str = "#222222", face: str = "sans"
    ) -> float:
        """A wrapped paragraph; returns where the next may start."""
        for line in self.wrap(words, size, face, width):
            self.text(x, y, line, size, colour, face)
            y += size * 1.45
        return y

    def hand(self, x: float, y: float, words: str, size: float, colour: str, weight: int = 2) -> None:
        """Something like handwriting: light letters that lean, wander and vary."""
        rng = self.kit.rng
        drift = rng.uniform(-0.015, 0.015)
        at = x
        for letter in words:
            font = self.kit.font("light", round(size * SCALE * rng.uniform(0.95, 1.05)))
            wide, tall = round(size * SCALE * 1.6), round(size * SCALE * 1.7)
            tile = Image.new("L", (wide, tall), 0)
            place = (wide * 0.3, tall * 0.72)
            ImageDraw.Draw(tile).text(place, letter, font=font, fill=255, anchor="ls", stroke_width=weight)
            lean = 0.2 + rng.uniform(-0.05, 0.05)
            tile = tile.transform(
                tile.size, Image.Transform.AFFINE, (1, lean, -lean * tall * 0.72, 0, 1, 0), Image.Resampling.BICUBIC
            )
            corner = (
                round(at * SCALE - wide * 0.3),
                round((y + (at - x) * drift + rng.uniform(-0.03, 0.03) * size) * SCALE - tall * 0.72),
            )
            self.image.paste(colour, corner, tile)
            at += font.getlength(letter) / SCALE * 0.96

    def fade(self, x: float, y: float, w: float, h: float, stops: Stops) -> None:
        """A vertical gradient through several colours."""
        strip = Image.new("RGB", (1, 256))
        for row in range(256):
            share = row / 255
            index = max(0, sum(1 for place, _ in stops if place <= share) - 1)
            low, high = stops[index], stops[min(index + 1, len(stops) - 1)]
            span = (high[0] - low[0]) or 1.0
            strip.putpixel((0, row), rgb(blend(low[1], high[1], (share - low[0]) / span)))
        size = (round(w * SCALE), round(h * SCALE))
        self.image.paste(strip.resize(size, Image.Resampling.BICUBIC), (round(x * SCALE), round(y * SCALE)))

    def glow(self, x: float, y: float, radius: float, colour: str, strength: float = 1.0, flat: float = 1.0) -> None:
        """Light, or dark, that thins out from a point; flat squeezes it vertically."""
        falloff = [round(255 * strength * max(0.0, 1 - value / 180) ** 1.6) for value in range(256)]
        disc = Image.radial_gradient("L").point(falloff)
        size = (max(2, round(radius * 2 * SCALE)), max(2, round(radius * 2 * flat * SCALE)))
        corner = (round((x - radius) * SCALE), round((y - radius * flat) * SCALE))
        self.image.paste(colour, corner, disc.resize(size, Image.Resampling.BICUBIC))

    def soft(self, points: Sequence[Point], colour: str, strength: float, blur: float) -> None:
        """An outline with blurred edges: shadows, beams, folds."""
        pad = blur * 3
        left, top = min(p[0] for p in points) - pad, min(p[1] for p in points) - pad
        right, bottom = max(p[0] for p in points) + pad, max(p[1] for p in points) + pad
        shrink = 2 if blur < 6 else 4
        small = (max(2, round((right - left) / shrink)), max(2, round((bottom - top) / shrink)))
        mask = Image.new("L", small, 0)
        inner = [((x - left) / shrink, (y - top) / shrink) for x, y in points]
        ImageDraw.Draw(mask).polygon(inner, fill=round(255 * strength))
        mask = mask.filter(ImageFilter.GaussianBlur(blur / shrink))
        size = (round((right - left) * SCALE), round((bottom - top) * SCALE))
        corner = (round(left * SCALE), round(top * SCALE))
        self.image.paste(colour, corner, mask.resize(size, Image.Resampling.BICUBIC))

    def soft_box(self, x: float, y: float, w: float, h: float, colour: str, strength: float, blur: float) -> None:
        """A blurred rectangle."""
        self.soft([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], colour, strength, blur)

    def veil(self, mask: Image.Image, colour: str, x: float = 0, y: float = 0) -> None:
        """Lay a colour over the picture wherever the mask says so."""
        size = (round(mask.width * SCALE), round(mask.height * SCALE))
        corner = (round(x * SCALE), round(y * SCALE))
        self.image.paste(colour, corner, mask.resize(size, Image.Resampling.BICUBIC))

    def done(self) -> Image.Image:
        """The picture at its own size."""
        return self.image.reduce(SCALE)
