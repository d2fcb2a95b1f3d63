"""The variants of samples: how many, of what, and what they depend on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from augment_data import COUNTS
from lm_data import (
    FakeLM,
    Writer,
    build_gen_lm,
    pair_of,
    piece_dictionary,
    small_lm,
    tagged_of,
)
from naive_generator import NaiveGenerator
from refusals import refused

from fairseq_xling.errors import UserError
from fairseq_xling.multimix.variants import AUG_TYPES, read_augmentation, read_factors

WRITER = Writer()
IDS = WRITER.ids
SYMBOLS = piece_dictionary().symbols
FACTORS = {"successive-max": (3,), "successive-cross": (2, 2)}


def always(begin, inside):
    """A language model that always says the same."""
    logits = torch.zeros(len(SYMBOLS))
    logits[IDS(f"{begin} {inside}")] = 9.0
    return FakeLM(len(SYMBOLS), logits)


def told(variants):
    return [
        (one.number, one.filled.tokens.tolist(), one.filled.positions.tolist())
        for one in variants
    ]


def make(samples, **options):
    """What is made of each sample, by its stream and row."""
    model = options.pop("model", None) or small_lm()
    made = build_gen_lm(model, **options).generate(samples)
    return {(x.stream, x.row): told(variants) for x, variants in zip(samples, made)}


def numbers(variants):
    return [variant.number for variant in variants]


def text_of(tokens):
    return "".join(SYMBOLS[token] for token in tokens).replace("\u2581", "_")


# What a variant depends on.


@pytest.fixture(scope="module")
def samples():
    tagged = [replace(x, row=x.row + 99) for x in Writer(9).samples("tagged", 20)]
    return [*Writer(8).samples("pair", 20), *tagged]


@pytest.mark.parametrize("aug_type", AUG_TYPES)
def test_a_sample_does_not_depend_on_those_beside_it(samples, aug_type):
    options = {"aug_type": aug_type, "seed": 1, "model": small_lm()}
    together = make(samples, **options)
    assert len(together) == len(samples)
    for sample in samples:
        assert make([sample], **options).items() <= together.items()


@pytest.mark.parametrize("aug_type", AUG_TYPES)
@pytest.mark.parametrize(
    "limits", [{"max_rows": 1}, {"max_rows": 5}, {"max_tokens": 70}, {}], ids=str
)
def test_a_sample_does_not_depend_on_order_nor_batch(samples, limits, aug_type):
    options = {"aug_type": aug_type, "model": small_lm()}
    expected = make(samples, max_rows=3, **options)
    assert make(samples[::-1], **limits, **options) == expected


def test_a_sample_does_not_depend_on_what_was_made_before():
    sample = pair_of(IDS("_the _do gs _cat _run"), IDS("_in _house"))
    gen_lm = build_gen_lm(small_lm(), topk=0)
    first, again = (told(gen_lm.generate([sample])[0]) for _ in range(2))
    assert first == again


WORDS = [IDS("_the"), IDS("_do g s"), IDS("_cat s"), IDS("_run"), IDS("_in")] * 3


@pytest.mark.parametrize("decoding", [{}, {"topk": 0}], ids=["greedy", "sampled"])
@pytest.mark.parametrize("aug_type", AUG_TYPES)
def test_another_seed_stream_or_row_gives_other_variants(aug_type, decoding):
    sample = tagged_of(WORDS, row=3)
    options = {"aug_type": aug_type, "model": small_lm(), **decoding}
    others = [
        make([sample], seed=1, **options),
        make([sample], seed=2, **options),
        make([sample], seed=-1, **options),
        make([replace(sample, row=4)], seed=1, **options),
        make([replace(sample, stream="train.de")], seed=1, **options),
        make([replace(sample, stream="valid.en")], seed=1, **options),
    ]
    found = [str(variants) for made in others for variants in made.values()]
    assert len(set(found)) == len(found) == 6
    assert make([sample], seed=1, **options) == others[0]
    # As numpy's generators take no negative seeds.
    assert make([sample], seed=2**32 + 1, **options) == others[0]


def test_sampling_chooses_the_same_words_as_greedy_search():
    sample, model = tagged_of(WORDS), small_lm()
    greedy, sampled = (
        make([sample], model=model, topk=topk)["train.en", 0] for topk in (1, 0)
    )
    assert [x[2] for x in greedy] == [x[2] for x in sampled]
    assert [x[1] for x in greedy] != [x[1] for x in sampled]


@pytest.mark.parametrize("decoding", [{}, {"topk": 4}], ids=["greedy", "sampled"])
def test_more_variants_begin_with_the_same_ones(samples, decoding):
    model = small_lm()
    few = make(samples, factors=(3,), model=model, **decoding)
    more = make(samples, factors=(5,), model=model, **decoding)
    for key, variants in few.items():
        assert len(more[key]) in (1, 5)
        assert variants == more[key][:3]
    assert any(len(variants) == 5 for variants in more.values())


def test_more_variants_of_the_second_part_begin_with_the_same_ones():
    sample, model = tagged_of(WORDS), small_lm()
    few, more = (
        make([sample], model=model, aug_type="successive-cross", factors=factors)
        for factors in ((2, 2), (2, 4))
    )
    few, more = ({x[0]: x for x in made["train.en", 0]} for made in (few, more))
    assert len(few) == 4 and len(more) == 8
    assert all(more[number] == variant for number, variant in few.items())


# How many there are.


@pytest.mark.parametrize("sample", [pair_of(WORDS[1], WORDS[2]), tagged_of(WORDS)])
def test_successive_cross_joins_every_variant_of_one_part_with_every_other(sample):
    gen_lm = build_gen_lm(
        small_lm(), "successive-cross", factors=(2, 3), percentage=50, topk=0
    )
    ((*variants,),) = gen_lm.generate([sample])
    assert numbers(variants) == [(i, j) for i in range(2) for j in range(3)]
    bound = 4 if sample.word_starts is None else sample.word_starts[len(WORDS) // 2]
    for part, cut in ((0, slice(None, bound)), (1, slice(bound, None))):
        texts = {}
        for variant in variants:
            text = variant.filled.tokens[cut].tolist()
            assert texts.setdefault(variant.number[part], text) == text
        assert len({str(text) for text in texts.values()}) == len(texts)


def test_each_part_is_asked_for_once_whatever_it_is_joined_with():
    lm = FakeLM(len(SYMBOLS))
    gen_lm = build_gen_lm(lm, "successive-cross", factors=(3, 4), max_rows=1)
    gen_lm.generate([pair_of(IDS("_the"), IDS("_cat"))])
    assert len(lm.calls) == 7


def test_no_samples_have_no_variants():
    gen_lm = build_gen_lm(small_lm())
    assert gen_lm.generate([]) == []
    assert gen_lm.counts == dict.fromkeys(COUNTS, 0)


# Duplicates.


def count(gen_lm, samples):
    made = gen_lm.generate(samples)
    assert list(gen_lm.counts) == COUNTS
    assert gen_lm.counts["samples"] == len(samples)
    assert gen_lm.counts["variants"] == sum(map(len, made))
    return made, tuple(gen_lm.counts[name] for name in COUNTS[1:])


@pytest.mark.parametrize(
    "word, keeps, kept, expected",
    [
        # Of one word there is one variant, three times.
        ("_the", True, 3, (3, 2, 0, 3, 0)),
        ("_the", False, 1, (1, 2, 0, 1, 0)),
        # It equals the original.
        ("_house ed", True, 3, (3, 3, 0, 3, 3)),
        ("_house ed", False, 0, (0, 3, 0, 0, 0)),
    ],
)
def test_variants_that_equal_others_are_dropped_or_kept(word, keeps, kept, expected):
    gen_lm = build_gen_lm(always("_house", "ed"), keep_duplicates=keeps)
    made, counts = count(gen_lm, [tagged_of([IDS(word)])])
    assert numbers(made[0]) == [(i,) for i in range(kept)] and counts == expected


@pytest.mark.parametrize("keeps", [False, True])
def test_another_split_of_the_same_text_is_a_duplicate(keeps):
    # "dogs" is predicted, as it was, but of other pieces.
    gen_lm = build_gen_lm(always("_dog", "s"), keep_duplicates=keeps, factors=(1,))
    sample = pair_of(IDS("_do gs"), [])
    made, counts = count(gen_lm, [sample])
    assert counts == ((1, 1, 0, 1, 0) if keeps else (0, 1, 0, 0, 0))
    for variant in made[0]:
        assert (
            variant.filled.tokens.tolist() == pair_of(IDS("_dog s"), []).tokens.tolist()
        )
        assert text_of(variant.filled.tokens) == text_of(sample.tokens)


def test_words_at_other_places_are_no_duplicates():
    gen_lm = build_gen_lm(
        always("_house", "ed"), factors=(20,), percentage=34, keep_duplicates=False
    )
    made, _ = count(gen_lm, [tagged_of([IDS("_the"), IDS("_cat"), IDS("_run")])])
    assert {text_of(x.filled.tokens) for x in made[0]} == {
        "<s>_house_cat_run</s>",
        "<s>_the_house_run</s>",
        "<s>_the_cat_house</s>",
    }
    assert len(made[0]) == 3


def test_sentences_in_the_other_order_are_no_duplicates():
    gen_lm = build_gen_lm(always("_house", "ed"), "successive-cross", factors=(1, 1))
    first, second = pair_of(IDS("_cat"), IDS("_cat s")), pair_of(IDS("_cat s"), [])
    made, counts = count(gen_lm, [first, replace(second, row=1)])
    assert [[text_of(x.filled.tokens) for x in one] for one in made] == [
        ["<s>_house</s></s>_houseed</s>"],
        ["<s>_houseed</s></s></s>"],
    ]
    assert counts == (2, 0, 0, 3, 0)


def test_the_same_variant_of_two_samples_is_kept_for_each():
    gen_lm = build_gen_lm(always("_house", "ed"), factors=(1,), keep_duplicates=False)
    made, counts = count(gen_lm, [tagged_of([IDS(x)]) for x in ("_the", "_cat")])
    assert [len(one) for one in made] == [1, 1]
    assert counts == (2, 0, 0, 2, 0)


def test_the_first_of_equal_variants_is_kept():
    sample = pair_of(IDS("_the _cat _in"), IDS("_run"))
    found = {}
    for keeps in (True, False):
        gen_lm = build_gen_lm(
            always("_house", "ed"),
            "successive-cross",
            factors=(5, 2),
            keep_duplicates=keeps,
        )
        (found[keeps],), counts = count(gen_lm, [sample])
    first = {}
    for variant in found[True]:
        first.setdefault(text_of(variant.filled.tokens), variant.number)
    assert numbers(found[False]) == list(first.values())
    assert counts[:2] == (len(first), 10 - len(first))
    assert 1 < len(first) < 4


@pytest.mark.parametrize("aug_type", AUG_TYPES)
@pytest.mark.parametrize("kind", ["pair", "tagged"])
@pytest.mark.parametrize("keeps", [False, True])
def test_variants_and_counts_are_those_of_a_naive_loop(kind, aug_type, keeps):
    model, samples = small_lm(), Writer(seed=12).samples(kind, 80, most=3)
    options = {"aug_type": aug_type, "factors": FACTORS[aug_type], "percentage": 40}
    naive = NaiveGenerator(model, SYMBOLS, **options)
    expected, counts = [], dict.fromkeys(COUNTS, 0)
    for one in samples:
        starts = None if one.word_starts is None else one.word_starts.tolist()
        made = naive.generate(one.stream, one.row, one.tokens.tolist(), starts)
        counts["samples"] += 1
        if made[0].number == ():
            counts["unchangeable"] += 1
            counts["variants"] += 1
            expected.append([((), one.tokens.tolist())])
            continue
        seen, kept = [text_of(one.tokens)], []
        for variant in made:
            is_new = text_of(variant.tokens) not in seen
            seen.append(text_of(variant.tokens))
            counts["duplicates"] += not is_new
            if is_new or keeps:
                counts["variants"] += 1
                kept.append((variant.number, variant.tokens))
        expected.append(kept)
    gen_lm = build_gen_lm(model, **options, keep_duplicates=keeps)
    found = [
        [(x.number, x.filled.tokens.tolist()) for x in variants]
        for variants in gen_lm.generate(samples)
    ]
    assert found == expected
    counts["masked"] = gen_lm.counts["masked"]
    counts["as_they_were"] = gen_lm.counts["as_they_were"]
    assert gen_lm.counts == counts
    assert counts["duplicates"] > 20 and counts["unchangeable"] > 0


# What cannot be changed, wholly or in part.

UNCHANGEABLE = {
    "no words": tagged_of([]),
    "no sentences": pair_of([], []),
    "too long": tagged_of([IDS("_cat")] * 40),
    "a pair of two too long": pair_of(IDS("_cat") * 40, IDS("_the") * 40),
}


@pytest.mark.parametrize("aug_type", AUG_TYPES)
@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("sample", UNCHANGEABLE.values(), ids=UNCHANGEABLE)
def test_what_cannot_be_changed_is_kept_once_as_it_is(sample, keeps, aug_type):
    gen_lm = build_gen_lm(small_lm(), aug_type, keep_duplicates=keeps)
    made, counts = count(gen_lm, [sample])
    ((variant,),) = made
    assert variant.number == ()
    assert variant.filled.tokens.tolist() == sample.tokens.tolist()
    assert variant.filled.positions.tolist() == []
    assert variant.filled.log_probs.tolist() == []
    assert counts == (1, 0, 1, 0, 0)


@pytest.mark.parametrize(
    "first, second",
    [([], IDS("_cat s")), (IDS("_cat s"), []), (IDS("_cat s"), IDS("_the") * 40)],
    ids=["no premise", "no hypothesis", "hypothesis too long"],
)
def test_the_other_sentence_of_a_pair_is_changed(first, second):
    sample = pair_of(first, second)
    for keeps in (True, False):
        gen_lm = build_gen_lm(
            always("_house", "ed"),
            "successive-cross",
            keep_duplicates=keeps,
            factors=(2, 3),
        )
        gen_lm.generator.lm.longest = 32
        made, counts = count(gen_lm, [sample])
        assert counts == ((6, 5, 0, 6, 0) if keeps else (1, 5, 0, 1, 0))
        for variant in made[0]:
            text = text_of(variant.filled.tokens)
            assert text == text_of(sample.tokens).replace("_cats", "_houseed")


def test_a_pair_too_long_as_a_whole_is_changed_sentence_by_sentence():
    sample = pair_of(IDS("_cat") * 20, IDS("_the") * 20)
    for aug_type, is_changed in (("successive-max", False), ("successive-cross", True)):
        made, counts = count(build_gen_lm(small_lm(), aug_type), [sample])
        assert counts[2] == (not is_changed)
        assert [bool(len(x.filled.positions)) for x in made[0]] == (
            [True] * 4 if is_changed else [False]
        )


def test_of_a_single_word_only_the_second_half_is_changed():
    gen_lm = build_gen_lm(
        always("_house", "ed"), "successive-cross", keep_duplicates=False
    )
    made, counts = count(gen_lm, [tagged_of([IDS("_cat s")])])
    assert [text_of(x.filled.tokens) for x in made[0]] == ["<s>_houseed</s>"]
    assert counts == (1, 3, 0, 1, 0)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("aug_type", AUG_TYPES)
def test_nothing_is_masked_at_0_percent(keeps, aug_type):
    lm = FakeLM(len(SYMBOLS))
    gen_lm = build_gen_lm(lm, aug_type, percentage=0, keep_duplicates=keeps)
    sample = tagged_of(WORDS)
    made, counts = count(gen_lm, [sample])
    number = 3 if aug_type == "successive-max" else 4
    assert counts == ((number, number, 0, 0, 0) if keeps else (0, number, 0, 0, 0))
    assert len(made[0]) == (number if keeps else 0)
    assert all((x.filled.tokens == sample.tokens).all() for x in made[0])
    assert lm.calls == []


def test_masked_words_and_those_predicted_as_they_were_are_counted_by_variant():
    gen_lm = build_gen_lm(
        always("_house", "ed"), "successive-cross", percentage=100, factors=(2, 1)
    )
    sample = pair_of(IDS("_house _cat s"), IDS("_house ed _the _house"))
    made, counts = count(gen_lm, [sample])
    # Five words in each of two variants, of which three were predicted as they were.
    assert counts == (2, 1, 0, 10, 6)
    assert [(x.filled.masked, x.filled.kept) for x in made[0]] == [(5, 3), (5, 3)]


def test_counts_go_on_from_call_to_call():
    gen_lm = build_gen_lm(always("_house", "ed"), keep_duplicates=False)
    gen_lm.generate([tagged_of([]), tagged_of([IDS("_the")])])
    gen_lm.generate([tagged_of([IDS("_house")])])
    assert list(gen_lm.counts.values()) == [3, 2, 5, 1, 1, 0]


def test_progress_counts_every_sample_once():
    samples = [*Writer(4).samples("tagged", 50), tagged_of([])]
    for aug_type in AUG_TYPES:
        steps = []
        gen_lm = build_gen_lm(FakeLM(len(SYMBOLS)), aug_type, max_rows=9)
        gen_lm.generate(samples, steps.append)
        assert sum(steps) == len(samples) and min(steps) >= 0
        assert len(steps) > 5 and max(steps) < len(samples)
    steps = []
    gen_lm.generate([tagged_of([])] * 3, steps.append)
    assert sum(steps) == 3


def test_neither_tokens_nor_word_starts_of_a_sample_change():
    sample = tagged_of(WORDS)
    tokens, starts = sample.tokens.copy(), sample.word_starts.copy()
    for aug_type in AUG_TYPES:
        build_gen_lm(small_lm(), aug_type, percentage=100).generate([sample])
    assert np.array_equal(sample.tokens, tokens)
    assert np.array_equal(sample.word_starts, starts)


# Options.


@pytest.mark.parametrize(
    "text, aug_type, expected",
    [
        ("3", "successive-max", (3,)),
        ("1", "successive-max", (1,)),
        ("12", "successive-max", (12,)),
        ("2x2", "successive-cross", (2, 2)),
        ("1X10", "successive-cross", (1, 10)),
    ],
)
def test_factors_are_read(text, aug_type, expected):
    assert read_factors(text, aug_type) == expected


@pytest.mark.parametrize("aug_type", AUG_TYPES)
@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "2.5", "x", "2x", "x2", "0x2", "2x2x2", "two", "2 x", "\u00b2"],
)
def test_what_is_no_factor_is_refused(text, aug_type):
    with pytest.raises(UserError) as caught:
        read_factors(text, aug_type)
    message = str(caught.value)
    assert message.startswith(f"--diversification-factor {text}: give a number from 1")
    assert "\n" not in message


@pytest.mark.parametrize(
    "text, aug_type, told",
    [
        ("2x3", "successive-max", "makes .*such as 6; .*--aug-type successive-cross"),
        ("4", "successive-cross", "makes .*two numbers, such as 2x2"),
    ],
)
def test_as_many_factors_as_parts_are_needed(text, aug_type, told):
    start = f"^--diversification-factor {text}: {aug_type} "
    with refused(start + told):
        read_factors(text, aug_type)


def read_percentage(percentage):
    return read_augmentation(False, None, percentage, None, "word", 1, False).percentage


@pytest.mark.parametrize("percentage", [0, 0.5, 30, 99.9, 100])
def test_percentages_from_0_to_100_will_do(percentage):
    assert read_percentage(percentage) == percentage


@pytest.mark.parametrize("percentage", [-1, -1e-9, 100.1, float("nan"), float("inf")])
def test_other_percentages_are_refused(percentage):
    with pytest.raises(UserError) as caught:
        read_percentage(percentage)
    assert str(caught.value) == (
        f"--aug-percentage {percentage}: give a value from 0 to 100"
    )
