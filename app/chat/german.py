"""Questions asked in German, in the English that `questions.py` understands: word by word, for the local model.

Questions use few words. What a picture says in German has its English meaning beside it (`app.analysis.glossary`).
"""

import re

from app.analysis import glossary

_PHRASES = (
    (r"\bwie ?viele\b", "how many"),
    (r"\bwie ?viel\b", "how much"),
    (r"\bwie lange\b", "how long"),
    (r"\bwie früh\b", "how early"),
    (r"\bwie spät\b", "what time"),
    (r"\bvon wem\b", "from whom"),
    (r"\b(?:bis|seit|ab) wann\b", "when"),
    (r"\bwann\b", "when"),
    (r"\bwo(?:hin|her)?\b", "where"),
    (r"\bwe[rnm]\b", "who"),
    (r"\bwas\b", "what"),
    (r"\bwelche[rsmn]?\b", "which"),
    (r"\bhabe ich\b", "do i have"),
    (r"\b(?:zeige?|gib)(?: mir)?\b", "show me"),
    (r"\bgibt es\b", "are there any"),
    (r"\b(?:kostete|kosten|kostet|gekostet)\b", "cost"),
    (r"\b(?:bezahlt|gezahlt|ausgegeben)\b", "paid"),
    (r"\b(?:preis|preise)\b", "price"),
    (r"\b(?:insgesamt|zusammen)\b", "in total"),
    (r"\b(?:billigste|günstigste)[rsmn]?\b", "cheapest"),
    (r"\bteuerste[rsmn]?\b", "most expensive"),
    (r"\b(?:gültig|läuft)\b", "valid"),
    (r"\b(?:geschrieben|schrieb)\b", "wrote"),
    (r"\b(?:unterschrieben|unterschrieb)\b", "signed"),
    (r"\b(?:geschickt|gesendet|schickte)\b", "sent"),
    (r"\bkassenbons?|quittung(?:en)?|belege?\b", "receipts"),
    (r"\brezepte?\b", "recipes"),
    (r"\bfotos?\b", "photos"),
    (r"\bund\b", "and"),
    (r"\bin\b", "in"),
    (r"\bfür\b", "for"),
    (r"\bnach\b", "to"),
    (r"\bvon\b", "of"),
    (
        r"\b(?:der|die|das|den|dem|des|ein|eine|einen|einer|hat|haben|habe|ist|sind|war|waren|ich|mein|meine|meinen|"
        r"meiner|es|bitte|denn|fährt|kommt|steht|mit|zu|zum|zur|am|im|an|auf)\b",
        "",
    ),
)
_ASKED = re.compile(
    r"\b(?:wie ?viele?|wie lange|wann|wo|wer|wem|wen|was|welche[rsmn]?|zeige?|gibt es|habe ich)\b", re.IGNORECASE
)
_GERMAN = re.compile(
    r"\b(?:der|die|das|den|dem|ich|ist|sind|und|mein\w*|ein\w*|hat|habe|es|für|von)\b|[äöüß]", re.IGNORECASE
)
_ENGLISH = re.compile(
    r"\b(?:the|is|are|did|do|does|how|when|where|who|what|which|my|was (?:the|my|it|that|this))\b", re.IGNORECASE
)
_WORD = re.compile(r"\w+")


def in_english(question: str) -> str:
    """The same question in English words, as far as they are known; as it is, if it is no German one."""
    if not _ASKED.search(question) or not _GERMAN.search(question) or _ENGLISH.search(question):
        return question
    told = question
    for pattern, english in _PHRASES:
        told = re.sub(pattern, english, told, flags=re.IGNORECASE)
    return " ".join(_WORD.sub(lambda word: _with_meaning(word[0]), told).split())


def _with_meaning(word: str) -> str:
    means = glossary.in_english([word])
    return means[0].replace(",", "") if means else word
