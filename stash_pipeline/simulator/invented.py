"""Invented, harmless words and names for generated libraries.

Contains word lists and name patterns. The objects are generated in ``generate`` and its parts.
"""

import random

FIRST_NAMES = [
    "Marlow",
    "Elira",
    "Tobin",
    "Sanna",
    "Corvin",
    "Ysolde",
    "Penrik",
    "Amadis",
    "Birla",
    "Joss",
    "Ottilie",
    "Ruvan",
    "Calla",
    "Dorrin",
    "Maelis",
    "Fenwick",
    "Isaura",
    "Quill",
    "Brannoc",
    "Tamsin",
    "Oriel",
    "Leocadia",
    "Wendel",
    "Zephra",
    "Hollis",
    "Nerine",
    "Alaric",
    "Posy",
    "Thandor",
    "Vesper",
    "Idris",
    "Maude",
    "Lorcan",
    "Sabra",
    "Emeric",
    "Junia",
    "Kestrel",
    "Ambrose",
    "Odette",
    "Rowan",
]
LAST_NAMES = [
    "Tessling",
    "Farrowmere",
    "Quillby",
    "Ostermann-Vale",
    "Brackwater",
    "Hollinfen",
    "Dunmarrow",
    "Sorrelwick",
    "Pemberlyn",
    "Castellane",
    "Wrenfield",
    "Ashgrove",
    "Tillerby",
    "Marchpane",
    "Underhall",
    "Vantongeren",
    "Loxworth",
    "Kimmeridge",
    "Saltmarsh",
    "Duskwood",
    "Appleford",
    "Greystoke-Lund",
    "Mossop",
    "Trevanion",
    "Ellerbeck",
    "Thistledown",
    "Rookhaven",
    "Calderwick",
    "Norrington",
    "Fairweather",
    "Penhallow",
    "Stillwater",
    "Blackthorn",
    "Winterbourne",
    "Copperfield-Row",
    "Hazelrigg",
    "Larkspur",
    "Oakenshaw",
    "Driftmoor",
    "Bellweather",
]
ADJECTIVES = [
    "Copper",
    "Silver",
    "Quiet",
    "Painted",
    "Hollow",
    "Amber",
    "Paper",
    "Velvet",
    "Borrowed",
    "Crooked",
    "Distant",
    "Electric",
    "Folded",
    "Gentle",
    "Hidden",
    "Ivory",
    "Jagged",
    "Kindled",
    "Lucid",
    "Mossy",
    "Northern",
    "Opal",
    "Patient",
    "Quick",
    "Rusted",
    "Salted",
    "Tidal",
    "Umber",
    "Violet",
    "Woven",
    "Yellow",
    "Zesty",
    "Autumn",
    "Broken",
    "Cobalt",
    "Drowsy",
    "Early",
    "Frosted",
    "Golden",
    "Humming",
]
NOUNS = [
    "Lantern",
    "Harbour",
    "Orchard",
    "Clockwork",
    "Meadow",
    "Staircase",
    "Compass",
    "Teacup",
    "Lighthouse",
    "Umbrella",
    "Caravan",
    "Balcony",
    "Kettle",
    "Garden",
    "Telescope",
    "Bicycle",
    "Library",
    "Piano",
    "Bridge",
    "Windmill",
    "Chimney",
    "Postcard",
    "Raincoat",
    "Suitcase",
    "Carousel",
    "Greenhouse",
    "Sailboat",
    "Typewriter",
    "Blanket",
    "Notebook",
    "Marble",
    "Fountain",
    "Hammock",
    "Pavilion",
    "Lemonade",
    "Snowfall",
    "Ferry",
    "Gramophone",
    "Terrace",
    "Puzzle",
]
ENDINGS = [
    "in Winter",
    "at Noon",
    "by the Canal",
    "Revisited",
    "After Rain",
    "on Tuesday",
    "in Two Acts",
    "without Hurry",
    "under Glass",
    "for Beginners",
    "and Other Letters",
    "before Breakfast",
    "at the Edge of Town",
    "with Friends",
    "in the Attic",
    "Once More",
]
UNUSUAL_TITLES = (
    "静かな灯台",
    "Медный фонарь",
    "ضوء الميناء",
    "정원의 주전자",
    "Ὁ φάρος",
    "बगीचे की घड़ी",
    "Cafe\u0301 du Vieux Phare",  # a combining accent, not the composed letter
    "Café du Vieux Phare",
    "Lantern 🏮 Parade 🎪",
    "Family 👩‍👩‍👧 Picnic",
    'He said "later" \\ left',
    "  spaced  out  ",
    "Line one\nline two",
    "100% Wool & <Felt>",
    "İstanbul Iğdır",
    "Ünïcödé Ñandú",
)
STUDIO_ENDINGS = ("Pictures", "Film Works", "Media", "Studio", "Collective", "Cinema", "Workshop", "Archive")
COUNTRIES = ("FR", "CA", "JP", "NZ", "BR", "IS", "")
COLOURS = ("brown", "blue", "green", "hazel", "")
ENDPOINTS = ("https://box.example/graphql", "https://second-box.example/graphql")
SENTENCES = (
    "A slow afternoon by the water.",
    "Recorded in one take.",
    "The kettle whistles, nobody moves.",
    "Restored from the second reel.",
    "Mit Untertiteln – naïve, charmant.",
)


class NameMaker:
    """Names that are unique within one library, whatever their case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str) -> str:
        """The name, or the name with a number if it is already used."""
        candidate, number = name, 1
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{name} {number}"
        self._taken.add(candidate.casefold())
        return candidate


def person(rng: random.Random) -> str:
    """The name of a performer."""
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def phrase(rng: random.Random) -> str:
    """Two words: "Copper Lantern"."""
    return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}"


def title(rng: random.Random) -> str:
    """The title of a scene."""
    roll = rng.random()
    if roll < 0.03:
        return rng.choice(UNUSUAL_TITLES)
    if roll < 0.35:
        return phrase(rng)
    if roll < 0.45:
        return f"{phrase(rng)} Part {rng.randint(1, 12)}"
    return f"{phrase(rng)} {rng.choice(ENDINGS)}"


def details(rng: random.Random) -> str | None:
    """A description: null, empty, one sentence or several lines."""
    roll = rng.random()
    if roll < 0.3:
        return None
    if roll < 0.35:
        return ""
    return "\n".join(rng.sample(SENTENCES, rng.randint(1, 3)))


def uuid_text(rng: random.Random) -> str:
    """A random identifier in the shape of a version 4 UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
