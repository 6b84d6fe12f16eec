"""Many questions behind one picture are each as if it were the only one."""

import torch
from torch.testing import assert_close
from transformers import LlamaConfig, LlamaModel

from gencontrol.training.language.lessons import UNASKED, lessons_of, places_of, seen_by
from gencontrol.training.language.questions import Asked
from gencontrol.training.language.words import language_tokenizer

TOKENIZER = language_tokenizer(("cat", "moon"))
ONE = Asked(kind="what", question="what is it?", answer="a cat")
TWO = Asked(kind="count", question="how many things are there?", answer="two")


def test_targets_are_the_answers_and_the_end() -> None:
    lessons = lessons_of(TOKENIZER, [[ONE, TWO], [TWO]])
    for row, wanted in ((0, "a cat <end> two <end>"), (1, "two <end>")):
        targets = lessons.target[row][lessons.target[row] != UNASKED]
        assert TOKENIZER.decode(targets) == wanted
    assert TOKENIZER.decode(lessons.ids[1][lessons.group[1] >= 0]) == "<start> how many things are there ? : two"
    assert lessons.place[0, :8].tolist() == list(range(8)) and lessons.place[0, 8] == 1
    # Behind the colon the answer begins.
    first = int((lessons.target[0] != UNASKED).nonzero()[0])
    assert TOKENIZER.decode(lessons.ids[0, first]) == ":"


def test_no_question_sees_another() -> None:
    torch.manual_seed(0)
    model = LlamaModel(LlamaConfig(vocab_size=len(TOKENIZER), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                   num_attention_heads=2)).eval()  # fmt: skip
    picture = torch.randn(1, 5, 32)

    def behind(asked: list[Asked]) -> torch.Tensor:
        lessons = lessons_of(TOKENIZER, [asked])
        embedded = model.embed_tokens(lessons.ids)
        inputs = torch.cat([embedded[:, :1], picture, embedded[:, 1:]], dim=1)
        mask = torch.zeros(1, 1, inputs.shape[1], inputs.shape[1]).masked_fill(~seen_by(lessons.group, 5), -1e9)
        with torch.no_grad():
            found = model(inputs_embeds=inputs, attention_mask=mask, position_ids=places_of(lessons.place, 5))
        return found.last_hidden_state[0, 6:]

    both, second = behind([ONE, TWO]), behind([TWO])
    assert_close(both[-len(second) :], second, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        ids = lessons_of(TOKENIZER, [[TWO]]).ids
        embedded = model.embed_tokens(ids)
        plain = model(inputs_embeds=torch.cat([embedded[:, :1], picture, embedded[:, 1:]], dim=1)).last_hidden_state
    assert_close(plain[0, 6:], second, rtol=1e-5, atol=1e-5)
