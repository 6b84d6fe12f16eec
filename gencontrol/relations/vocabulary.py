"""The relations, and what English calls them: data, for the grammar and for tables."""

RULED = (
    *("left of", "right of", "above", "below", "in front of", "behind", "inside", "around"),
    *("touching", "overlapping", "bigger than", "smaller than", "nearest to"),
)
"""Relations of two regions that the masks answer."""
LIKENESS = ("same kind as", "same colour as")
"""Relations of two regions that need an encoder."""
ANSWERED = RULED + LIKENESS
"""All that a pair of regions is asked for, in the order of tables."""
BETWEEN = "between"
"""The one relation of three: a subject, and two objects."""
FUNCTIONAL = (
    *("on", "wearing", "riding", "holding"),
    *("facing", "facing away from", "looking at each other", "interacting with"),
)
"""Relations of two regions that need pixels and an idea of what things are: the learned module answers them."""
MOVING = (
    *("approaching", "moving away from", "chasing", "fleeing from", "circling", "following", "carrying", "passing"),
)
"""Relations of two regions over the frames of a clip: the learned module answers them, of clips only."""
UNANSWERED = (*FUNCTIONAL, *MOVING)
"""Relations that masks and embeddings alone do not answer by a rule."""
WEAK = frozenset({"in front of", "behind", "inside", "around", *LIKENESS})
"""Relations whose answers are weak: masks alone hardly tell depth, and embeddings hardly tell kind and colour."""
CONVERSE = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "in front of": "behind",
    "behind": "in front of",
    "inside": "around",
    "around": "inside",
    "bigger than": "smaller than",
    "smaller than": "bigger than",
}
"""A relation, and what the object then is to the subject."""
SYMMETRIC = frozenset({"touching", "overlapping", *LIKENESS, "looking at each other", "interacting with"})
"""Relations that hold both ways or not at all."""

SPOKEN: dict[str, tuple[str, ...]] = {
    "left of": (
        "left of",
        "to the left of",
        "on the left of",
        "on the left side of",
        "at the left side of",
        "left from",
    ),
    "right of": (
        "right of",
        "to the right of",
        "on the right of",
        "on the right side of",
        "at the right side of",
        "right from",
    ),
    "above": ("above", "over", "higher than"),
    "below": ("below", "under", "underneath", "beneath", "lower than"),
    "in front of": ("in front of", "before", "hiding", "covering", "ahead of"),
    "behind": ("behind", "in back of", "at the back of", "hidden by", "covered by"),
    "inside": ("inside", "inside of", "in", "within", "enclosed by", "surrounded by"),
    "around": ("around", "surrounding", "enclosing", "containing", "contains", "surrounds", "encloses"),
    "touching": ("touching", "touches", "in contact with", "against"),
    "overlapping": ("overlapping", "overlapping with"),
    "bigger than": ("bigger than", "larger than"),
    "smaller than": ("smaller than", "littler than"),
    "nearest to": ("nearest to", "closest to", "nearest", "closest", "next to", "beside", "near", "close to", "by"),
    "same kind as": ("of the same kind as", "the same kind as", "the same as", "same kind as"),
    "same colour as": (
        *("of the same colour as", "the same colour as", "same colour as"),
        *("of the same color as", "the same color as", "same color as"),
    ),
    "between": ("between", "in between"),
    "on": ("on", "on top of", "atop", "standing on", "sitting on", "lying on", "resting on", "upon"),
    "wearing": ("wearing", "dressed in"),
    "riding": ("riding", "riding on"),
    "holding": ("holding", "gripping"),
    "facing": ("facing", "looking at", "watching", "looking towards"),
    "facing away from": ("facing away from", "turned away from"),
    "looking at each other": ("looking at each other with",),
    "interacting with": ("interacting with", "playing with"),
    "approaching": ("approaching", "moving towards", "coming towards", "moving toward", "coming toward"),
    "moving away from": ("moving away from", "leaving"),
    "chasing": ("chasing", "hunting", "pursuing"),
    "fleeing from": ("fleeing from", "fleeing", "running away from", "escaping", "escaping from"),
    "circling": ("circling", "running around", "moving around", "flying around"),
    "following": ("following", "walking behind"),
    "carrying": ("carrying",),
    "passing": ("passing", "passing by", "overtaking"),
}
"""Relation -> how it is said; the longest that fits is taken."""

SUPERLATIVES: dict[str, tuple[str, ...]] = {
    "left": ("leftmost", "left", "left-hand", "furthest left", "farthest left"),
    "right": ("rightmost", "right", "right-hand", "furthest right", "farthest right"),
    "top": ("topmost", "top", "upper", "highest", "uppermost"),
    "bottom": ("bottommost", "bottom", "lower", "lowest", "lowermost"),
    "biggest": ("biggest", "largest", "bigger", "larger"),
    "smallest": ("smallest", "littlest", "smaller", "tiniest"),
}
"""Which one of several things -> the adjectives that say so; a comparative means the utmost of those there are."""
SIDES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "at the left", "to the left"),
    "right": ("on the right", "at the right", "to the right"),
    "top": ("at the top", "on the top"),
    "bottom": ("at the bottom", "on the bottom"),
}
"""The same, said behind the name: "the cup on the left"."""
ORDINALS: dict[str, int] = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
    "5th": 5,
    "6th": 6,
    "7th": 7,
    "8th": 8,
}
"""A place in a row, counted from one of its ends."""
ARTICLES = frozenset({"a", "an", "the", "some", "this", "that"})
"""What may begin a thing's name and says nothing of it."""
ANYTHING = frozenset({"thing", "one", "object", "something", "it", "region", "part"})
"""Names that fit every region."""
FILLERS = frozenset({"is", "are", "was", "that", "which", "being", "standing", "sitting", "lying", "placed", "there's"})
"""Words between a thing and its relation that say nothing more."""
OPENINGS = ("a picture of", "a photo of", "a drawing of", "an image of", "a photograph of", "there is", "it is")
"""What may stand before the first thing."""

MEASURES = frozenset(
    (
        "bag bar basket bottle bowl box bunch cup glass jar loaf mug pack pair piece pile plate pot sheaf slice stack "
        "statue"
    ).split()
)
"""What a name of three words may begin with, as in "a cup of tea"; "left of" and the likes are none."""
COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
"""What regions' colours are read with; Berlin and Kay's basic terms (1969)."""
OTHER_THINGS = (
    *(
        "dog",
        "cat",
        "bird",
        "fish",
        "horse",
        "tree",
        "flower",
        "leaf",
        "mountain",
        "car",
        "boat",
        "airplane",
        "bicycle",
    ),
    *("house", "chair", "bed", "lamp", "clock", "key", "book", "pencil", "phone", "camera", "guitar", "drum", "ball"),
    *("hat", "shirt", "shoe", "bag", "cup", "bottle", "knife", "bread", "cake", "apple", "banana", "carrot"),
    *("umbrella", "star", "cloud", "fire", "hammer", "rocket", "robot", "heart", "gem", "trophy"),
)
"""What a region may be beside what a text names: the names that "none of these" is judged by."""
