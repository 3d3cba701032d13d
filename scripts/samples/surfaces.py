"""What things lie on and are made of: tables, walls, paper, cloth, and the photograph taken of them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from scripts.samples.canvas import SCALE, Canvas, Kit, Point, levels, lit, tinted

Size = tuple[int, int]


def wood(kit: Kit, size: Size, dark: str = "#6e4a2c", light: str = "#b98a5c", plank: int = 260) -> Image.Image:
    """Boards that run across the picture."""
    strings = Image.blend(kit.noise(size, (300, 6)), kit.noise(size, (120, 3)), 0.25)
    board = tinted(levels(strings, 40, 215), dark, light)
    pen = ImageDraw.Draw(board, "RGBA")
    for top in range(kit.rng.randint(20, plank), size[1], plank):
        shade = kit.rng.randint(6, 30)
        pen.rectangle((0, top, size[0], top + plank), fill=(40, 20, 5, shade))
        pen.line((0, top, size[0], top), fill=(30, 15, 5, 170), width=3)
        pen.line((0, top + 3, size[0], top + 3), fill=(255, 230, 190, 50), width=2)
    return board


def linen(kit: Kit, size: Size, dark: str = "#8f9aa3", light: str = "#c3ccd2") -> Image.Image:
    """A woven cloth."""
    weave = Image.blend(kit.noise(size, (20, 4)), kit.noise(size, (4, 20)), 0.5)
    weave = Image.blend(weave, kit.clouds(size, 260), 0.3)
    return tinted(levels(weave, 60, 200), dark, light)


def stone(kit: Kit, size: Size, dark: str = "#a9a6a0", light: str = "#efece6") -> Image.Image:
    """A speckled worktop."""
    top = tinted(levels(kit.clouds(size, 300, 0.7), 0, 190), dark, light)
    for colour in ("#6f6a63", "#ffffff", "#a08a6c"):
        top.paste(colour, (0, 0), levels(kit.noise(size, (9, 8)), 212, 232, 140))
    return top


def plaster(kit: Kit, size: Size, dark: str = "#9c9489", light: str = "#d3ccc0") -> Image.Image:
    """A rough wall."""
    rough = Image.blend(kit.clouds(size, 180), kit.noise(size, (5, 5)), 0.15)
    return tinted(levels(rough, 50, 205), dark, light)


def bricks(kit: Kit, size: Size) -> Image.Image:
    """A brick wall."""
    wall = tinted(kit.noise(size, (3, 3)), "#8d867c", "#b4ada2")
    pen = ImageDraw.Draw(wall)
    for row, top in enumerate(range(0, size[1], 62)):
        for left in range(-160 + (row % 2) * 75, size[0], 150):
            red = kit.rng.randint(118, 158)
            colour = (red, round(red * 0.55), round(red * 0.43))
            pen.rounded_rectangle((left, top, left + 142, top + 54), 3, fill=colour)
    stain = kit.noise(size, (5, 3), 0.55)
    return ImageChops.soft_light(wall, Image.merge("RGB", (stain, stain, stain)))


def surface(kit: Kit, kind: str, size: Size) -> Image.Image:
    """One of the grounds by name."""
    match kind:
        case "wood":
            return wood(kit, size)
        case "walnut":
            return wood(kit, size, "#2f1d13", "#6b4630")
        case "birch":
            return wood(kit, size, "#b79a73", "#e6d0ab")
        case "linen":
            return linen(kit, size)
        case "stone":
            return stone(kit, size)
        case "slate":
            return plaster(kit, size, "#2b2f35", "#50565e")
        case "bricks":
            return bricks(kit, size)
        case _:
            return plaster(kit, size)


def aged(kit: Kit, sheet: Image.Image, depth: float = 0.35) -> Image.Image:
    """Paper is never one flat white: cloudiness and fibre."""
    cloud = Image.blend(kit.clouds(sheet.size, 300), kit.noise(sheet.size, (3, 3)), 0.16)
    tone = cloud.point([round(255 - (255 - value) * depth * 0.24) for value in range(256)])
    return ImageChops.multiply(sheet, Image.merge("RGB", (tone, tone, tone)))


def creased(sheet: Image.Image, folds: Sequence[float]) -> Image.Image:
    """Horizontal folds at these shares of the height: dark above, light below."""
    relief = Image.new("L", sheet.size, 128)
    pen = ImageDraw.Draw(relief)
    for fold in folds:
        top = round(sheet.height * fold)
        pen.rectangle((0, top - 16, sheet.width, top), fill=88)
        pen.rectangle((0, top + 1, sheet.width, top + 14), fill=165)
    relief = relief.filter(ImageFilter.GaussianBlur(5))
    return ImageChops.soft_light(sheet, Image.merge("RGB", (relief, relief, relief)))


def outline(size: Size, radius: int = 0, torn: bool = False) -> Image.Image:
    """The shape of a sheet: round corners, or the teeth of a till's cutter."""
    mask = Image.new("L", size, 0)
    pen = ImageDraw.Draw(mask)
    if not torn:
        pen.rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, fill=255)
        return mask
    teeth = [(x, size[1] - (1 if index % 2 else 9)) for index, x in enumerate(range(0, size[0] + 9, 9))]
    head = [(x, 0 if index % 2 else 8) for index, x in enumerate(range(0, size[0] + 9, 9))]
    pen.polygon([*head, *reversed(teeth)], fill=255)
    return mask


def photograph(
    kit: Kit,
    sheet: Image.Image,
    size: Size,
    ground: str = "wood",
    angle: float = 0.0,
    shape: Image.Image | None = None,
    shift: tuple[int, int] = (0, 0),
) -> Image.Image:
    """A photograph of a sheet lying on something, turned a little, with its shadow and uneven light."""
    picture = surface(kit, ground, size)
    mask = shape or outline(sheet.size)
    turned = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    cut = mask.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    left, top = (size[0] - turned.width) // 2 + shift[0], (size[1] - turned.height) // 2 + shift[1]
    for blur, drop, depth in ((26, 18, 0.5), (5, 4, 0.45)):
        shadow = Image.new("L", size, 0)
        shadow.paste(cut.point([round(value * depth) for value in range(256)]), (left + drop // 2, top + drop))
        picture.paste("#0b0806", (0, 0), shadow.filter(ImageFilter.GaussianBlur(blur)))
    picture.paste(turned, (left, top), cut)
    lamp = (255, kit.rng.randint(232, 246), kit.rng.randint(214, 232), kit.rng.randint(188, 206))
    return kit.grain(lit(picture, lamp), 0.09)


def cloth(
    canvas: Canvas,
    points: Sequence[Point],
    texture: Image.Image,
    folds: Sequence[Sequence[Point]] = (),
    depth: float = 0.5,
    drop: float = 0.35,
) -> None:
    """Cut an outline out of a texture, round its edges with shade, press folds into it, and cast its shadow."""
    canvas.soft([(x + 10, y + 16) for x, y in points], "#120c08", drop, 16)
    small = (canvas.width // 2, canvas.height // 2)
    shape = Image.new("L", small, 0)
    ImageDraw.Draw(shape).polygon([(x / 2, y / 2) for x, y in points], fill=255)
    relief = levels(shape.filter(ImageFilter.GaussianBlur(canvas.width / 48)), 110, 235)
    relief = relief.point([round(255 - (255 - value) * depth * 0.75) for value in range(256)])
    pressed = Image.new("L", small, 255)
    pen = ImageDraw.Draw(pressed)
    for fold in folds:
        pen.line([(x / 2, y / 2) for x, y in fold], fill=round(255 - 190 * depth), width=9, joint="curve")
    pressed = pressed.filter(ImageFilter.GaussianBlur(6))
    relief = ImageChops.multiply(relief, pressed).resize(canvas.image.size, Image.Resampling.BICUBIC)
    sewn = ImageChops.multiply(texture.resize(canvas.image.size), Image.merge("RGB", (relief, relief, relief)))
    mask = Image.new("L", canvas.image.size, 0)
    ImageDraw.Draw(mask).polygon([(x * SCALE, y * SCALE) for x, y in points], fill=255)
    canvas.image.paste(sewn, (0, 0), mask)
