"""Noun phrases of captions such as people and captioners write."""

import pytest

from gencontrol.proposals import lexicon
from gencontrol.proposals.grammar import distinct_phrases, noun_phrases

CAPTIONS = {
    # prepositions and participles
    "a man riding a brown horse on the beach": ["a man", "a brown horse", "the beach"],
    "a car parked near a fire hydrant": ["a car", "a fire hydrant"],
    "a parked car under a tree": ["a parked car", "a tree"],
    "people walking on the sidewalk in front of a brick building": ["people", "the sidewalk", "a brick building"],
    "a swimming pool surrounded by palm trees": ["a swimming pool", "palm trees"],
    "a teddy bear wearing sunglasses": ["a teddy bear", "sunglasses"],
    "a broken chair and a torn curtain": ["a broken chair", "a torn curtain"],
    "a guy in a black leather jacket getting off a motorcycle": ["a guy", "a black leather jacket", "a motorcycle"],
    "a well-lit kitchen featuring stainless steel appliances": ["a well-lit kitchen", "stainless steel appliances"],
    "a boy and his father building a sand castle": ["a boy", "his father", "a sand castle"],
    # finite verbs
    "A child holds a kite.": ["A child", "a kite"],
    "children ride bikes along the river": ["children", "bikes", "the river"],
    "Two dogs play with a yellow ball in the park.": ["Two dogs", "a yellow ball", "the park"],
    "a bus stop with three people waiting": ["a bus stop", "three people"],
    "a red double-decker bus drives past Big Ben": ["a red double-decker bus", "Big Ben"],
    "an elderly couple walks two dogs": ["an elderly couple", "two dogs"],
    "A giraffe eats leaves while a zebra watches": ["A giraffe", "leaves", "a zebra"],
    "the sun sets over the ocean": ["the sun", "the ocean"],
    "women wearing colorful saris walk past a shop window": ["women", "colorful saris", "a shop window"],
    "a stop sign covered in snow": ["a stop sign", "snow"],
    # adjectives
    "a black and white cat sleeping on a red sofa": ["a black and white cat", "a red sofa"],
    "there is a small, brown dog in the background": ["a small, brown dog"],
    "a brightly colored parrot perched on a branch": ["a brightly colored parrot", "a branch"],
    "a very old stone bridge over a quiet river": ["a very old stone bridge", "a quiet river"],
    "the cat is black and the bus is orange": ["the cat", "the bus"],
    "the door open and a window closed": ["the door", "a window"],
    "an orange lies beside an orange bus": ["an orange", "an orange bus"],
    # lists, containers, what is no thing
    "three red apples, a banana and two oranges in a bowl": ["three red apples", "a banana", "two oranges", "a bowl"],
    "a photo of a cup of coffee next to a laptop": ["a cup", "coffee", "a laptop"],
    "a drawing of a lemon": ["a lemon"],
    "watercolour painting of a red barn": ["a red barn"],
    "a dog beside a painting of a cat": ["a dog", "a painting", "a cat"],
    "a drawing on a fridge": ["a drawing", "a fridge"],
    "a group of people sitting around a dining table": ["people", "a dining table"],
    "a herd of elephants at night": ["elephants"],
    "the left side of the picture": [],
    "it is raining": [],
    # names, possessives, figures, texts that are none
    "the Eiffel Tower at night": ["the Eiffel Tower"],
    "the man's hat and my daughter\u2019s favorite toys": ["the man's hat", "my daughter\u2019s favorite toys"],
    "3 cats": ["3 cats"],
    "a cup. a table.": ["a cup", "a table"],
    "the man the dog follows": ["the man", "the dog"],
    "": [],
    "?!": [],
}


@pytest.mark.parametrize("caption", CAPTIONS)
def test_captions(caption: str) -> None:
    assert [phrase.text for phrase in noun_phrases(caption)] == CAPTIONS[caption]


def test_places_in_the_caption() -> None:
    caption = "There:  a small, brown dog;  and Big Ben"
    first, second = noun_phrases(caption)
    assert caption[first.start : first.end] == first.text == "a small, brown dog" and first.head == "dog"
    assert caption[second.start : second.end] == "Big Ben" and second.head == "ben"


def test_each_once() -> None:
    assert distinct_phrases("A dog and a cat. The cat sees a dog, a Cat.") == ["A dog", "a cat", "The cat"]


def test_lists_do_not_contradict_each_other() -> None:
    assert not lexicon.BREAKS & lexicon.VERBS - {"like"}
    assert lexicon.THINGS_TOO <= lexicon.ADJECTIVES | {"stone", "rose"}
    assert not lexicon.DETERMINERS & lexicon.BREAKS and lexicon.SINGULAR <= lexicon.DETERMINERS
