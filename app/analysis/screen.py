"""What a phone or a program draws around content: status bar, tab bar, counters; and which program it was. Pure."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.analysis.text_lines import TextLine

# Phones held upright are at least this much taller than wide (16:9); photos are 4:3 or 3:2.
_PHONE_ASPECT = 1.7
_STATUS_BAR = 0.065  # the share of the height it takes, notch included
_TOP_ZONE = 0.15
_BOTTOM_ZONE = 0.88
_COUNTER_COLUMN = 0.84  # likes, comments and shares stand to the right of this share of the width

_EFFECT = re.compile(r"^(?:\S\s)?(?:CapCut|Effect|Filter|Playlist|Search)\b", re.IGNORECASE)
_AFTER_NAME = re.compile(r"\s*(?:[·•|]\s?\d.*|Photo|Follow)$")
_CLOCK = re.compile(r"^\D{0,2}\d{1,2}[:.]\d{2}\b")
_COUNTER = re.compile(r"^[\d.,]+\s?[KMkm万]?$")
# What apps count about a place or a post, and the buttons that made a video: the same words under everybody's.
_APP_TALK = re.compile(
    r"^[\d.,]+\s?[KM]?\s(?:people|(?:recent\s)?posts|likes|views|reviews)\b.*\bthis place$|^see \d+ reviews?$|"
    r"^(?:\w\W?\s)?capcut\b",
    re.IGNORECASE,
)
_PAGE = re.compile(r"^\d{1,2}\s?/\s?\d{1,2}$")
_SITE = re.compile(r"^\W*(?:https?://)?(?:[\w-]+\.)+(?:com|org|net|io|dev|app|jp|de|co\.uk|fr|eu|ch|at|nl|es|it)\b")

# Labels of tab bars and tool bars: chrome where they stand in the top or bottom zone of a screen.
_NAVIGATION = frozenset(
    {
        "activity", "albums", "all", "apps", "arcade", "back", "calls", "cancel", "chats", "close", "communities",
        "create", "discover", "done", "edit", "em", "explore", "favorites", "favourites", "feed", "following", "for",
        "foryou", "friends", "games", "home", "images", "inbox", "library", "live", "maps", "me", "menu", "messages",
        "mode", "news", "next", "notifications", "photos", "profile", "recents", "reels", "save", "saved", "search",
        "send", "settings", "share", "shop", "shopping", "short", "shorts", "status", "stem", "store", "subscriptions",
        "tem", "today", "updates", "videos", "you",
    }
)  # fmt: skip
# Labels that are chrome anywhere on a screen.
_LABELS = frozenset(
    {
        "see original", "see translation", "see more", "see more posts", "less", "more", "photo", "full screen",
        "add comment...", "add comment", "add a comment...", "find related content", "reply", "follow", "following",
        "like", "comment", "share", "save", "send message", "sponsored", "suggested for you", "translate",
        "live", "for you", "search", "view all", "get app", "open app", "skip ad", "sign in", "log in",
        "paid partnership",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Program:
    """`needed` of the `signs` make it this program; `edges` says that only the top and bottom zones count."""

    name: str
    needed: int
    edges: bool
    signs: tuple[str, ...]


_PROGRAMS = (
    _Program("TikTok", 3, True, ("following", "for you", "explore", "live", "inbox", "profile", "discover", "friends")),
    _Program("TikTok", 2, True, ("find related content", "add comment", "search")),
    _Program("Instagram", 2, False, ("liked by", "suggested for you", "send message", "your story", "instagram")),
    _Program("Google", 4, False, ("google.com", "ai overview", "all", "images", "videos", "shopping", "news", "maps")),
    _Program("YouTube", 2, False, ("subscribe", "shorts", "subscriptions", "youtube", "subscribers")),
    _Program("X", 2, False, ("reposts", "bookmarks", "post your reply", "quotes", "who to follow")),
    _Program("Reddit", 2, False, ("reddit", "upvotes", "add a comment", "subreddit", "join the conversation")),
    _Program("map", 2, False, ("directions", "avoid tolls", "google maps", "your location", "nearby", "min drive",
                               "traffic", "fastest route", "apple maps", "add stop")),
    _Program("chat", 2, False, ("delivered", "imessage", "last seen", "online", "typing", "whatsapp", "message",
                                "missed call", "read", "today", "yesterday", "voice message", "type a message")),
    _Program("email", 3, False, ("from", "to", "subject", "reply", "forward", "reply all", "unsubscribe", "cc")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frame:
    """The size in pixels that the lines refer to, and whether the picture shows a screen."""

    width: int
    height: int
    is_screen: bool = False

    def at_an_edge(self, line: TextLine) -> bool:
        """In the zones of tool bars and tab bars."""
        return line.middle < _TOP_ZONE * self.height or line.middle > _BOTTOM_ZONE * self.height


def frame_of(lines: Sequence[TextLine], width: int, height: int, filename: str) -> Frame:
    """A screen is one that was saved as a screenshot, or an upright one with a clock or navigation at its edges."""
    named = re.search(r"screen[\s_-]?(?:shot|cap|record)|bildschirmfoto|simulator", filename, re.IGNORECASE)
    frame = Frame(width, height, is_screen=True)
    if named or (height >= _PHONE_ASPECT * width and _has_screen_edges(lines, frame)):
        return frame
    return Frame(width, height)


def _has_screen_edges(lines: Sequence[TextLine], frame: Frame) -> bool:
    if any(_in_status_bar(line, frame) and _CLOCK.match(line.text) for line in lines):
        return True
    return sum(_is_navigation(line, frame) for line in lines) >= 3


def without_chrome(lines: Iterable[TextLine], frame: Frame) -> list[TextLine]:
    """The lines that are content. On pictures that are no screens, all of them."""
    return [line for line in lines if not (frame.is_screen and _is_chrome(line, frame))]


def is_app_talk(line: TextLine) -> bool:
    """What an app adds to what was posted: how many others posted, which editor made the video."""
    return _APP_TALK.search(line.text) is not None


def _is_chrome(line: TextLine, frame: Frame) -> bool:
    text = line.text.lower().rstrip(".… ")
    return (
        len(text) < 2
        or text in _LABELS
        or (_in_status_bar(line, frame) and len(text) <= 16)
        or (_is_navigation(line, frame))
        or (_COUNTER.match(text) is not None and (line.left > _COUNTER_COLUMN * frame.width or frame.at_an_edge(line)))
        or (_PAGE.match(text) is not None and frame.at_an_edge(line))
    )


def _in_status_bar(line: TextLine, frame: Frame) -> bool:
    return line.bottom < _STATUS_BAR * frame.height


def _is_navigation(line: TextLine, frame: Frame) -> bool:
    words = re.findall(r"[a-z]+", line.text.lower())
    known = sum(word in _NAVIGATION for word in words)
    # Icons between the labels are read as stray letters, and the label at the margin is cut off.
    if known >= 2 and known >= 0.5 * len(words) and (frame.at_an_edge(line) or known >= 5):
        return True
    return frame.at_an_edge(line) and 0 < known == len(words)


def program_of(lines: Sequence[TextLine], frame: Frame) -> str | None:
    """The program on the screen, where enough of its labels can be read; "web page" under an address bar."""
    if not frame.is_screen:
        return None
    everywhere = [_padded(line.text) for line in lines]
    edges = [_padded(line.text) for line in lines if frame.at_an_edge(line)]
    for program in _PROGRAMS:
        texts = edges if program.edges else everywhere
        if sum(any(f" {sign} " in text for text in texts) for sign in program.signs) >= program.needed:
            return program.name
    return "web page" if any(frame.at_an_edge(line) and _SITE.match(line.text.lower()) for line in lines) else None


def poster_of(lines: Sequence[TextLine], frame: Frame, program: str | None) -> str | None:
    """The account that posted, on TikTok: a short line at the left edge, apart from what is above and below."""
    if program != "TikTok":
        return None
    edge = [line for line in lines if 0.01 < line.left / frame.width < 0.045 and line.top > 0.4 * frame.height]
    above = 0.0
    for name, below in itertools.pairwise(edge):
        stands_off = name.top - above > 0.3 * name.size and below.top - name.top >= 1.25 * name.size
        if stands_off and _is_a_name(name.text) and not below.text.endswith("this place"):
            return _AFTER_NAME.sub("", name.text)
        above = name.bottom
    return None


def _is_a_name(text: str) -> bool:
    if len(text) > 36 or len(text.split()) > 4 or _EFFECT.match(text) or re.search(r"[#〒:,!?]|\.$", text):
        return False
    return " " not in text or text != text.lower()


def _padded(text: str) -> str:
    words = " ".join(re.findall(r"[\w.]+", text.lower()))
    return f" {words} "
