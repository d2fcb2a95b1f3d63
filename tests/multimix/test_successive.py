"""Many sequences at once against a naive loop, and the laws of successive masking."""

import math
from functools import lru_cache
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_data import (
    BEGIN,
    LONGEST,
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

from fairseq_xling.multimix.parts import split_sample
from fairseq_xling.multimix.pieces import PieceTable, find_units
from fairseq_xling.multimix.successive import PROJECTED_ROWS, SIMILAR, Limits, Request

SAMPLES = 150
# How close two logits are whose order may depend on rounding.
NEAR = 1e-4
FACTORS = {"successive-max": (3,), "successive-cross": (2, 2)}
SYMBOLS = piece_dictionary().symbols
TABLE = PieceTable(piece_dictionary())
IDS = Writer().ids
# What the model said of a sentence it says again.
CACHE = {}


@lru_cache
def model_and_samples(kind):
    writer = Writer(seed=5 if kind == "pair" else 6)
    return small_lm(), writer.samples(kind, SAMPLES, most=4 if kind == "pair" else 7)


def naive_variants(kind, samples=None, **options):
    model, everything = model_and_samples(kind)
    naive = NaiveGenerator(model, SYMBOLS, cache=CACHE, **options)
    made = {}
    for one in everything if samples is None else samples:
        starts = None if one.word_starts is None else one.word_starts.tolist()
        made[one.stream, one.row] = naive.generate(
            one.stream, one.row, one.tokens.tolist(), starts
        )
    return made


def differing_step(steps, tokens, shift):
    """The first step of a part that gave another token."""
    return next((x for x in steps if tokens[x.position + shift] != x.token), None)


def count_near_ties(samples, made, naive):
    """Compare; how often a difference is one of rounding."""
    ties = 0
    for sample, variants in zip(samples, made):
        wanted = naive[sample.stream, sample.row]
        assert [x.number for x in variants] == [x.number for x in wanted]
        for variant, want in zip(variants, wanted):
            filled = variant.filled
            tokens = filled.tokens.tolist()
            shifts = [0] * len(want.steps)
            if len(want.steps) == 2 and sample.word_starts is None:
                shifts[1] = want.tokens.index(2) + 1
            steps = sorted(
                (x.position + shift, x.log_prob)
                for part, shift in zip(want.steps, shifts)
                for x in part
            )
            assert filled.positions.tolist() == [place for place, _ in steps]
            if tokens == want.tokens:
                log_probs = [log_prob for _, log_prob in steps]
                assert filled.log_probs == pytest.approx(log_probs, abs=NEAR)
                continue
            differing = [
                differing_step(part, tokens, shift)
                for part, shift in zip(want.steps, shifts)
            ]
            assert any(differing)
            assert all(x.margin < NEAR for x in differing if x is not None)
            assert len(tokens) == len(want.tokens)
            ties += 1
    return ties


def shuffled(samples):
    order = np.random.default_rng(0).permutation(len(samples))
    return [samples[i] for i in order]


def in_shards(generate, samples, shards):
    """What is made of consecutive groups of the samples."""
    bounds = np.linspace(0, len(samples), shards + 1).astype(int).tolist()
    groups = [samples[a:b] for a, b in zip(bounds, bounds[1:])]
    return [variants for group in groups for variants in generate(group)]


def part_of(sample, mask_unit="word"):
    return split_sample(TABLE, sample, False, mask_unit, 99)[0]


def always(*pieces):
    """A language model that always says the same."""
    logits = torch.zeros(len(SYMBOLS))
    logits[IDS(" ".join(pieces))] = 9.0
    return FakeLM(len(SYMBOLS), logits)


def all_steps(naive):
    return [
        step
        for variants in naive.values()
        for variant in variants
        for part in variant.steps
        for step in part
    ]


@pytest.mark.parametrize("seed", [1, -3])
@pytest.mark.parametrize("aug_type", FACTORS)
@pytest.mark.parametrize("kind", ["pair", "tagged"])
def test_batches_shards_and_order_make_what_a_naive_loop_makes(kind, aug_type, seed):
    model, samples = model_and_samples(kind)
    options = {
        "aug_type": aug_type,
        "factors": FACTORS[aug_type],
        "percentage": 25,
        "seed": seed,
    }
    naive = naive_variants(kind, **options)
    steps = all_steps(naive)
    # Otherwise there would be little to compare.
    assert len(steps) > 4 * SAMPLES and len({step.token for step in steps}) > 30
    near = sum(step.margin < NEAR for step in steps)
    ties = []
    for limits, shards, order in (
        ({"max_rows": 1}, 3, list),
        ({"max_rows": 7}, 2, shuffled),
        ({"max_rows": 64}, 1, list),
        ({"max_tokens": 200}, 2, shuffled),
        # Far more than are projected at once.
        ({}, 1, shuffled),
    ):
        gen_lm = build_gen_lm(model, **options, **limits)
        ordered = order(samples)
        made = in_shards(gen_lm.generate, ordered, shards)
        assert len(made) == gen_lm.counts["samples"] == SAMPLES
        ties.append(count_near_ties(ordered, made, naive))
    print(
        f"{kind} {aug_type} seed {seed}: {len(steps)} predictions, {near} of them "
        f"within {NEAR} of another; variants that differ for it, by run: {ties}"
    )
    assert max(ties) <= near <= 2 + len(steps) // 500


@pytest.mark.parametrize(
    "options",
    [
        {"topk": 5, "temperature": 0.7},
        {"topk": 0, "temperature": 1.5},
        {"topk": 500},
        {"topk": 3, "mask_unit": "piece"},
        {"mask_unit": "piece"},
        {"mask_unit": "piece", "percentage": 60},
        {"mask_unit": "single"},
        {"mask_unit": "single", "percentage": 60, "topk": 5},
        {"mask_unit": "single", "percentage": 100},
        {"percentage": 100},
        {"percentage": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("aug_type", FACTORS)
def test_every_option_makes_what_a_naive_loop_makes(aug_type, options):
    model, _ = model_and_samples("pair")
    options = {"percentage": 25, "seed": 4, "aug_type": aug_type, **options}
    options["factors"] = FACTORS[aug_type]
    for kind in ("pair", "tagged"):
        samples = model_and_samples(kind)[1][:20]
        naive = naive_variants(kind, samples, **options)
        steps = all_steps(naive)
        assert bool(steps) == (options["percentage"] > 0)
        gen_lm = build_gen_lm(model, **options, max_rows=7)
        ties = count_near_ties(samples, gen_lm.generate(samples), naive)
        near = sum(step.margin < NEAR for step in steps)
        print(f"{near} of {len(steps)} predictions near another, {ties} differ")
        assert ties <= max(2, len(steps) // 100) and near <= max(2, len(steps) // 20)


def read_words(text):
    """What the language model is told, each token by its text; ``_`` a boundary."""
    return [SYMBOLS[token].replace(BEGIN, "_") for token in text]


def test_each_word_is_masked_alone_and_sees_what_was_predicted_before_it():
    words = [IDS(x) for x in ("_the", "_do g s", "_cat", "_run ning")]
    part, lm = part_of(tagged_of(words)), always("_house", "ed")
    tokens = part.tokens.copy()
    request = Request(part, np.array([3, 1]), np.zeros(5))
    (filled,) = build_gen_lm(lm).generator.fill([request])
    read = [read_words(rows[0]) for rows, _ in lm.calls]
    assert [" ".join(words[1:-1]) for words in read] == [
        "_the _do g s _cat <mask> <mask>",
        "_the _do g s _cat _house <mask>",
        "_the <mask> <mask> <mask> _cat _house ed",
        "_the _house <mask> <mask> _cat _house ed",
        "_the _house ed <mask> _cat _house ed",
    ]
    assert [places for _, places in lm.calls] == [[6], [7], [2], [3], [4]]
    assert (
        " ".join(read_words(filled.tokens[1:-1])) == "_the _house ed ed _cat _house ed"
    )
    assert filled.positions.tolist() == [2, 3, 4, 6, 7]
    assert (filled.masked, filled.kept) == (2, 0)
    assert part.tokens.tolist() == tokens.tolist()


@pytest.mark.parametrize(
    "order, read, places",
    [
        ([3, 1], ["_the _do g s _cat <mask>", "_the <mask> _cat _house"], [6, 2]),
        ([1, 3], ["_the <mask> _cat _run ning", "_the _house _cat <mask>"], [2, 4]),
    ],
)
def test_a_single_mask_stands_for_a_whole_word(order, read, places):
    """As the authors' code does it: "dogs" and "running" become one ``<mask>`` each."""
    words = [IDS(x) for x in ("_the", "_do g s", "_cat", "_run ning")]
    sample, lm = tagged_of(words), always("_house", "ed")
    requests = [
        Request(part_of(sample, "single"), np.array(order), np.zeros(2)),
        # Beside another that keeps its length.
        Request(part_of(sample), np.array([0, 2]), np.zeros(2)),
    ]
    filled, unlike = build_gen_lm(lm).generator.fill(requests)
    seen = [read_words(tokens) for rows, _ in lm.calls for tokens in rows[:1]]
    assert [
        " ".join(x for x in one[1:-1] if x[0] != "<" or x == "<mask>") for one in seen
    ] == read
    assert [at[0] for _, at in lm.calls] == places
    assert read_words(filled.tokens[1:-1]) == "_the _house _cat _house".split()
    assert filled.positions.tolist() == [2, 4]
    log_probs = lm.always.log_softmax(0)
    assert filled.log_probs == pytest.approx(log_probs[IDS("_house")[0]].item())
    assert filled.lost.tolist() == [3, 4, 7]
    assert filled.word_starts(sample.word_starts).tolist() == [1, 2, 3, 4]
    assert (filled.masked, filled.kept) == (2, 0)
    assert read_words(unlike.tokens[1:-1]) == "_house _do g s _house _run ning".split()


def test_a_first_piece_alone_is_another_word():
    """Of "unable" "un" is predicted: its first token stays, and yet it changed."""
    gen_lm = build_gen_lm(
        always("_do"), percentage=100, factors=(1,), mask_unit="single"
    )
    sample = tagged_of([IDS("_do gs"), IDS("_do")])
    ((variant,),) = gen_lm.generate([sample])
    assert read_words(variant.filled.tokens[1:-1]) == ["_do", "_do"]
    assert variant.filled.changed(sample.tokens).tolist() == [1]
    assert (variant.filled.masked, variant.filled.kept) == (2, 1)


def test_log_probabilities_stand_in_the_order_of_positions():
    sample = tagged_of([IDS("_the"), IDS("_do gs"), IDS("_cat")])
    generator = build_gen_lm(small_lm()).generator
    request = Request(part_of(sample), np.array([2, 1, 0]), np.zeros(4))
    (filled,) = generator.fill([request])
    read = sample.tokens.copy()
    found = {}
    for word in ([4], [2, 3], [1]):
        read[word] = TABLE.mask
        for place in word:
            with torch.no_grad():
                logits = generator.lm.model(torch.tensor(read[None]))[0][0, place]
            read[place] = filled.tokens[place]
            found[place] = logits.log_softmax(0)[read[place]].item()
    assert filled.positions.tolist() == [1, 2, 3, 4]
    assert filled.log_probs == pytest.approx([found[x] for x in (1, 2, 3, 4)], abs=1e-5)


def test_words_predicted_as_they_were_are_counted():
    sample = tagged_of([IDS(x) for x in ("_the ed", "_house", "_house s")])
    gen_lm = build_gen_lm(always("_house", "ed"), percentage=100, factors=(1,))
    ((variant,),) = gen_lm.generate([sample])
    assert variant.filled.masked == 3
    assert variant.filled.kept == 1


def words_of(text):
    """A text's words; it begins with a boundary."""
    empty, *words = text.split(BEGIN)
    assert empty == "" and all(words)
    return words


def spans(table, tokens, starts, mask_unit):
    first, widths, _ = find_units(table, tokens, starts, mask_unit)
    return [set(range(a, a + n)) for a, n in zip(first.tolist(), widths.tolist())]


LENGTHS = st.one_of(st.integers(1, 12), st.integers(1, 128))
PERCENTAGES = st.one_of(
    st.just(0), st.just(100), st.integers(1, 99), st.floats(0.01, 100)
)


def expected(units, percentage):
    """What the paper's formula says, with a minimum of one."""
    if units == 0 or percentage == 0:
        return 0
    return max(1, math.floor(units * percentage / 100))


def check_variants(table, variants, tokens, mask_unit, groups, percentage):
    """Check how many units of each group change, and that no word boundary does.

    Args:
        groups: the units of each part, as sets of positions.
    """
    special = [0, 1, 2, table.mask]
    content = ~np.isin(tokens, special)
    for variant in variants:
        filled = variant.filled
        predicted = set(filled.positions.tolist())
        chosen = [[x for x in units if x & predicted] for units in groups]
        assert [len(x) for x in chosen] == [
            expected(len(x), percentage) for x in groups
        ]
        assert filled.masked == sum(map(len, chosen))
        assert set().union(*(x for units in chosen for x in units)) == predicted
        changed = set(np.flatnonzero(filled.tokens != tokens).tolist())
        assert changed <= predicted
        kept = sum(not (x & changed) for units in chosen for x in units)
        assert filled.kept == kept
        assert (np.isin(filled.tokens, special) == ~content).all()
        assert (filled.tokens[~content] == tokens[~content]).all()
        assert (table.begins[filled.tokens] == table.begins[tokens]).all()
        assert spans(table, filled.tokens, None, mask_unit) == spans(
            table, tokens, None, mask_unit
        )
        before, after = (
            words_of("".join(SYMBOLS[x] for x in text[content]))
            for text in (tokens, filled.tokens)
        )
        assert len(before) == len(after)
        if mask_unit == "word":
            differing = sum(a != b for a, b in zip(before, after))
            assert differing <= filled.masked


@settings(max_examples=120)
@given(
    lengths=LENGTHS | st.tuples(LENGTHS, st.just(0) | LENGTHS),
    lang=st.sampled_from(["en", "zh", "hi"]),
    percentage=PERCENTAGES,
    mask_unit=st.sampled_from(["word", "piece"]),
    factors=st.sampled_from([(2,), (1, 2), (2, 1)]),
    seed=st.integers(0, 99),
)
def test_as_many_words_change_as_the_percentage_says(
    lengths, lang, percentage, mask_unit, factors, seed
):
    """Of a tagged sentence of ``lengths`` words, or of a pair."""
    writer = Writer(seed, odd=0)
    if isinstance(lengths, int):
        words = [writer.word(lang) for _ in range(lengths)]
        sample, lengths = tagged_of(words, row=seed), (lengths // 2, -(-lengths // 2))
        bound = sample.word_starts[lengths[0]]
    else:
        parts = [sum((writer.word("en") for _ in range(n)), []) for n in lengths]
        sample, bound = pair_of(*parts, row=seed), len(parts[0]) + 1
    gen_lm = build_gen_lm(
        FakeLM(len(SYMBOLS)),
        aug_type="successive-max" if len(factors) == 1 else "successive-cross",
        factors=factors,
        percentage=percentage,
        mask_unit=mask_unit,
    )
    (variants,) = gen_lm.generate([sample])
    units = spans(gen_lm.table, sample.tokens, sample.word_starts, mask_unit)
    groups = [units]
    if len(factors) == 2:
        groups = [[x for x in units if (min(x) >= bound) == late] for late in (0, 1)]
        if mask_unit == "word":
            assert [len(x) for x in groups] == list(lengths)
    assert len(variants) == 2
    check_variants(gen_lm.table, variants, sample.tokens, mask_unit, groups, percentage)


@settings(max_examples=40)
@given(
    length=st.integers(1, 12),
    percentage=PERCENTAGES,
    is_cross=st.booleans(),
    seed=st.integers(0, 99),
)
def test_of_words_that_become_single_pieces_the_others_stay(
    length, percentage, is_cross, seed
):
    writer = Writer(seed, odd=0)
    sample = tagged_of([writer.word("en") for _ in range(length)], row=seed)
    gen_lm = build_gen_lm(
        FakeLM(len(SYMBOLS)),
        aug_type="successive-cross" if is_cross else "successive-max",
        percentage=percentage,
        mask_unit="single",
    )
    for variant in gen_lm.generate([sample])[0]:
        filled = variant.filled
        starts = filled.word_starts(sample.word_starts)
        before, after = (
            np.split(tokens[1:-1], where[1:] - 1)
            for tokens, where in (
                (sample.tokens, sample.word_starts),
                (filled.tokens, starts),
            )
        )
        predicted = np.isin(starts, filled.positions)
        assert predicted.sum() == len(filled.positions) == filled.masked
        for old, new, is_new in zip(before, after, predicted):
            assert len(new) == 1 if is_new else old.tolist() == new.tolist()
        assert len(before) == len(after) == length
        assert gen_lm.table.begins[filled.tokens[starts]].all()
        differs = [
            int(place)
            for place, old, new in zip(starts, before, after)
            if old.tolist() != new.tolist()
        ]
        assert filled.changed(sample.tokens).tolist() == differs


def never_predicted(symbol):
    return (
        symbol in ("<s>", "</s>", "<pad>", "<unk>", "<mask>", BEGIN)
        or symbol.startswith("madeupword")
        or BEGIN in symbol[1:]
    )


@pytest.mark.parametrize("kind", ["pair", "tagged"])
@pytest.mark.parametrize("decoding", [{}, {"topk": 0}], ids=["greedy", "sampled"])
def test_what_may_not_be_predicted_never_is_though_the_model_wants_it(kind, decoding):
    samples = Writer(seed=2).samples(kind, 80, most=6)
    options = {"percentage": 50, "seed": 2, "max_rows": 16, **decoding}
    usual = build_gen_lm(small_lm(), **options).generate(samples)
    never = [i for i, symbol in enumerate(SYMBOLS) if never_predicted(symbol)]
    assert len(never) == 11
    rigged = small_lm()
    rigged.encoder.lm_head.bias.data[never] += 60
    found = build_gen_lm(rigged, **options).generate(samples)
    predictions = 0
    for sample, ours, theirs in zip(samples, usual, found):
        special = np.isin(sample.tokens, [0, 1, 2, len(SYMBOLS) - 1])
        for a, b in zip(ours, theirs):
            # The next best is what was the best without them.
            assert (a.filled.tokens == b.filled.tokens).all()
            assert not special[b.filled.positions].any()
            new = b.filled.tokens[b.filled.positions]
            assert not np.isin(new, never).any()
            assert (b.filled.tokens[special] == sample.tokens[special]).all()
            # Probabilities are among all tokens, those that were rejected too.
            assert (b.filled.log_probs < -30).all()
            predictions += len(new)
    assert predictions > 300


def test_a_word_begins_with_a_beginning_though_the_model_wants_another_piece():
    samples = Writer(seed=4).samples("tagged", 60, most=6)
    for wanted in (TABLE.may_continue, TABLE.may_begin):
        lm = FakeLM(len(SYMBOLS), torch.from_numpy(wanted).float() * 99)
        places = set()
        for sample, variants in zip(samples, build_gen_lm(lm).generate(samples)):
            starts = set(sample.word_starts.tolist())
            for variant in variants:
                for place in variant.filled.positions.tolist():
                    token = variant.filled.tokens[place]
                    is_start = place in starts
                    assert SYMBOLS[token].startswith(BEGIN) == is_start
                    places.add(is_start)
        assert places == {True, False}


def test_a_model_that_predicts_no_numbers_is_refused():
    lm = FakeLM(len(SYMBOLS), torch.full((len(SYMBOLS),), math.nan))
    sample = pair_of(IDS("_the _cat"), [])
    with refused("predicts no numbers.*--bf16"):
        build_gen_lm(lm).generate([sample])


def test_progress_counts_every_request_once_and_nothing_to_mask_at_once():
    generator = build_gen_lm(FakeLM(len(SYMBOLS)), max_rows=2).generator
    empty, one = part_of(tagged_of([])), part_of(tagged_of([IDS("_cat")]))
    requests = [
        Request(empty, np.arange(0), np.zeros(0)),
        *[Request(one, np.arange(1), np.zeros(1))] * 5,
    ]
    told = []
    filled = generator.fill(requests, told.append)
    assert told == [1, 2, 2, 1]
    assert filled[0].tokens is empty.tokens
    assert [x.masked for x in filled] == [0, 1, 1, 1, 1, 1]


def test_nothing_to_do_asks_nothing():
    lm = FakeLM(len(SYMBOLS))
    assert build_gen_lm(lm).generator.fill([]) == []
    assert lm.calls == []


def test_a_sequence_leaves_the_batch_after_its_last_prediction():
    cats = part_of(tagged_of([IDS("_cat")] * 4))
    dogs = part_of(tagged_of([IDS("_the"), IDS("_do g s")]))
    requests = [
        Request(cats, np.array([2]), np.zeros(1)),
        Request(dogs, np.array([0, 1]), np.zeros(4)),
    ]
    lm = FakeLM(len(SYMBOLS))
    build_gen_lm(lm).generator.fill(requests)
    assert [places for _, places in lm.calls] == [[1, 3], [2], [3], [4]]


def test_padding_goes_when_the_longest_sequence_has_left():
    words = [IDS("_the")] * 20
    long, short = tagged_of(words), tagged_of([*words[3:], IDS("_do g")])
    requests = [
        Request(part_of(long), np.array([5]), np.zeros(1)),
        Request(part_of(short), np.array([17]), np.zeros(2)),
    ]
    lm = FakeLM(len(SYMBOLS))
    build_gen_lm(lm).generator.fill(requests)
    assert [np.shape(tokens) for tokens, _ in lm.calls] == [(2, 22), (1, 21)]
    # The one with more predictions stands first.
    assert [tokens[21] for tokens in lm.calls[0][0]] == [1, 2]


def test_only_so_many_rows_are_projected_at_once_each_row_once():
    projected = []

    class Counting(FakeLM):
        def states(self, tokens, positions, has_padding):
            super().states(tokens, positions, has_padding)
            return torch.arange(len(tokens)).unsqueeze(1)

        def logits(self, states):
            projected.append(states[:, 0].tolist())
            return super().logits(states)

    count = 2 * PROJECTED_ROWS + 3
    samples = [tagged_of([IDS("_cat")], row) for row in range(count)]
    build_gen_lm(Counting(len(SYMBOLS)), factors=(1,)).generate(samples)
    assert [len(rows) for rows in projected] == [PROJECTED_ROWS, PROJECTED_ROWS, 3]
    assert sum(projected, []) == list(range(count))


def batches_of(limits, lengths):
    """The batches; a limit that lets nothing in must not go on for ever."""
    batches = limits.batches(np.array(lengths, np.int64))
    return [x.tolist() for x in islice(batches, len(lengths) + 1)]


@given(
    lengths=st.lists(st.integers(1, 60), max_size=60),
    max_tokens=st.one_of(st.none(), st.integers(1, 200)),
    max_rows=st.one_of(st.none(), st.integers(1, 20)),
)
def test_batches_hold_every_index_once_within_the_limits(lengths, max_tokens, max_rows):
    batches = batches_of(Limits(max_tokens, max_rows), lengths)
    order = [i for batch in batches for i in batch]
    assert sorted(order) == list(range(len(lengths)))
    sorted_lengths = [lengths[i] for i in order]
    assert sorted_lengths == sorted(lengths, reverse=True)
    done = 0
    for batch in batches:
        rows, longest = len(batch), lengths[batch[0]]
        most = min(max_rows or len(lengths), len(lengths) - done)
        if max_tokens is not None:
            most = min(most, max(1, max_tokens // longest))
        assert rows <= most
        done += rows
        if rows < most:
            # It has room for others, but they are much shorter.
            assert sorted_lengths[done] < SIMILAR * longest
            assert rows >= most // 4


def test_a_sequence_longer_than_a_batch_has_one_of_its_own():
    assert batches_of(Limits(100, None), [30, 250, 50, 48]) == [[1], [2, 3], [0]]


def test_equal_lengths_keep_their_order():
    assert batches_of(Limits(None, 2), [40, 40, 41, 40]) == [[2, 0], [1, 3]]


def test_much_shorter_sequences_fill_a_quarter_of_a_batch():
    batches = batches_of(Limits(None, 16), [50, *[8] * 20, 7, 7, 6])
    assert [len(batch) for batch in batches] == [4, 16, 4]
    batches = batches_of(Limits(None, 16), [50, 48, 49, 47, 49, 48])
    assert batches == [[0, 2, 4, 1, 5], [3]]


def test_what_is_longer_than_the_model_reads_stays_as_it_is():
    words = [IDS("_cat")] * (LONGEST - 2)
    gen_lm = build_gen_lm(small_lm())
    fits, not_fits = gen_lm.generate([tagged_of(words), tagged_of([*words, words[0]])])
    assert [x.number for x in fits] == [(0,), (1,), (2,)]
    assert all(x.filled.masked == (LONGEST - 2) * 30 // 100 for x in fits)
    assert [x.number for x in not_fits] == [()]
    assert not_fits[0].filled.masked == 0


def test_a_generator_needs_no_uniform_numbers_of_its_own():
    """Sampling goes by the numbers of the request, so that any batch gives the same."""
    part = part_of(tagged_of([IDS("_cat")]))
    filled = build_gen_lm(small_lm(), topk=0).generator.fill(
        [
            Request(part, np.array([0]), np.array([uniform]))
            for uniform in np.linspace(0, 0.999, 200)
        ]
    )
    predicted = np.array([x.tokens[1] for x in filled])
    # Tokens follow their order in the vocabulary.
    assert (np.diff(predicted) >= 0).all() and len(set(predicted.tolist())) > 5
