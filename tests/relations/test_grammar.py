"""What is read, and what is not understood."""

import pytest

from gencontrol.errors import InputError
from gencontrol.relations.grammar import ANY, Clause, Superlative, Thing, is_relational, names_in, parse_phrase
from gencontrol.relations.vocabulary import ANSWERED, BETWEEN, CONVERSE, SIDES, SPOKEN, SUPERLATIVES, UNANSWERED, WEAK


def of(name, relation=None, *others, which=None, place=1):
    superlative = None if which is None else Superlative(kind=which, place=place)
    clause = None if relation is None else Clause(relation=relation, objects=others)
    return Thing(name=name, superlative=superlative, clause=clause)


READ = {
    "the red cup left of the dog": of("red cup", "left of", of("dog")),
    "A crown LEFT OF a pumpkin.": of("crown", "left of", of("pumpkin")),
    "the cup on the left of the dog": of("cup", "left of", of("dog")),
    "the cup that is to the left of the dog": of("cup", "left of", of("dog")),
    "a picture of a cup which is behind a box": of("cup", "behind", of("box")),
    "the cup on the left": of("cup", which="left"),
    "the left cup": of("cup", which="left"),
    "the leftmost cup": of("cup", which="left"),
    "the second cup from the left": of("cup", which="left", place=2),
    "the second from the left": of(ANY, which="left", place=2),
    "the third biggest cup": of("cup", which="biggest", place=3),
    "the biggest": of(ANY, which="biggest"),
    "the biggest one": of("one", which="biggest"),
    "the furthest left cup": of("cup", which="left"),
    "the one nearest to the dog": of("one", "nearest to", of("dog")),
    "the dog chasing the smaller cat": of("dog", "chasing", of("cat", which="smallest")),
    "the thing between the crown and the pumpkin": of("thing", "between", of("crown"), of("pumpkin")),
    "the cup left of the dog behind the box": of("cup", "left of", of("dog", "behind", of("box"))),
    "the bigger dog is in the box": of("dog", "inside", of("box"), which="biggest"),
    "a cup bigger than the dog": of("cup", "bigger than", of("dog")),
    "a black and white cat on top of a car": of("black and white cat", "on", of("car")),
    "the cup at the top": of("cup", which="top"),
    "a dog of the same color as a cat": of("dog", "same colour as", of("cat")),
    "a dog running away from a cat": of("dog", "fleeing from", of("cat")),
    "a dog": of("dog"),
}


@pytest.mark.parametrize("text", READ)
def test_what_is_read(text):
    assert parse_phrase(text) == READ[text]
    said = READ[text]
    assert is_relational(text) == (said.clause is not None or said.superlative is not None)


REFUSED = {
    "": "nothing is named",
    "the dog left of": "nothing is named behind 'left of'",
    "the cup of the dog": "'of the dog' is not understood; known relations: left of, right of",
    "the cup zorbing the dog": "'the dog' is not understood",
    "the second cup": "'the second' is not understood; from which end",
    "the leftmost cup on the right": "'on the right' is not understood; one superlative a thing",
    "the thing between the dog": "between needs two things",
    "the cup left of the dog left of the cat left of the cow": "a thing's clause may hold one more, and no third",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_understood_is_refused_with_its_words(text):
    with pytest.raises(InputError) as caught:
        parse_phrase(text)
    assert REFUSED[text] in str(caught.value) and "\n" not in str(caught.value)


def test_every_form_is_read_as_its_relation():
    for relation, forms in SPOKEN.items():
        for form in forms:
            rest = "the crown and the moon" if relation == BETWEEN else "the crown"
            clause = parse_phrase(f"the dog {form} {rest}").clause
            assert clause is not None and clause.relation == relation, form
            assert clause.is_answered == (relation not in UNANSWERED)


def test_every_superlative_is_read():
    for kind, forms in SUPERLATIVES.items():
        for form in forms:
            assert parse_phrase(f"the {form} dog").superlative == Superlative(kind=kind), form
    for kind, forms in SIDES.items():
        for form in forms:
            assert parse_phrase(f"the dog {form}").superlative == Superlative(kind=kind), form


def test_the_vocabulary_is_of_one_piece():
    assert {*SPOKEN} == {*ANSWERED, BETWEEN, *UNANSWERED}
    forms = [form for said in SPOKEN.values() for form in said]
    assert len(forms) == len({*forms}) and {*WEAK, *CONVERSE} <= {*ANSWERED}
    assert all(CONVERSE[CONVERSE[name]] == name for name in CONVERSE)


def test_names_once_in_their_order():
    phrase = parse_phrase("the cup left of the dog behind the cup")
    assert names_in(phrase) == ("cup", "dog")
    assert names_in(parse_phrase("the cup between the dog and the moon")) == ("cup", "dog", "moon")


def test_what_two_do_with_each_other():
    for text, relation in (
        ("the cat and the dog looking at each other", "looking at each other"),
        ("the cat and the dog are facing each other", "looking at each other"),
        ("a cat and a dog touching each other", "touching"),
        ("a picture of the cat and the dog that are playing with each other", "interacting with"),
    ):
        read = parse_phrase(text)
        assert read.name == "cat" and read.clause is not None and read.clause.relation == relation, text
        assert [other.name for other in read.clause.objects] == ["dog"] and is_relational(text)
    # One may chase the other: which one is not said.
    for text in ("the cat and the dog chasing each other", "looking at each other"):
        with pytest.raises(InputError):
            parse_phrase(text)


def test_two_relations_side_by_side_are_refused():
    for text in ("the cup next to and left of the dog", "the cup left of the dog and behind the box"):
        with pytest.raises(InputError, match="is not understood; one relation a thing"):
            parse_phrase(text)
    assert parse_phrase("the salt and pepper left of the dog").name == "salt and pepper"


def test_texts_without_a_relation_are_none():
    for text in ("a dog", "a photo of a dog", "the cup of the dog", "a dog and a cat", "", "a cat chases a dog"):
        assert not is_relational(text), text


def test_names_that_hold_a_relations_words() -> None:
    for text, names, wanted in (
        ("the meat on bone left of the dog", ("meat on bone",), ("meat on bone", "left of", "dog")),
        ("a dog above a pot of food", (), ("dog", "above", "pot of food")),
        ("the red cup of tea behind the spider", (), ("red cup of tea", "behind", "spider")),
        (
            "the Statue of Liberty right of a man in black",
            ("man in black",),
            ("statue of liberty", "right of", "man in black"),
        ),
    ):
        found = parse_phrase(text, names=names)
        assert found.clause is not None
        assert (found.name, found.clause.relation, found.clause.objects[0].name) == wanted
    # Without such a name it is a relation.
    plain = parse_phrase("the meat on bone")
    assert plain.name == "meat" and plain.clause is not None and plain.clause.relation == "on"
    assert not is_relational("meat on bone", names=("meat on bone",)) and is_relational("meat on bone")
    for text in ("the cup of the dog",):
        with pytest.raises(InputError, match="is not understood"):
            parse_phrase(text)
