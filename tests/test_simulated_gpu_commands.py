"""Commands on a simulated GPU: what they write is what they write on the CPU."""

import json

import pytest
import torch
from augment_data import (
    draw_pairs,
    draw_words,
    generate_command,
    generate_in_fork,
    snapshot,
    write_lm,
    write_pairs,
    write_sentences,
)
from simulated_gpu import count_waits, pretend
from trainer import FAMILIES, batch_of, build, write_families

from fairseq_xling.cli import analyze, distill, evaluate
from fairseq_xling.models.inspection import inspect_mixing


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Data and a checkpoint of every family."""
    folder = tmp_path_factory.mktemp("trained")
    found = {}
    for family, data in write_families(folder).items():
        path = folder / f"{family}.pt"
        trainer = build(FAMILIES[family][1], data).trainer
        trainer.consolidate_optimizer()  # as fairseq does before it saves
        trainer.save_checkpoint(str(path), {})
        found[family] = (data, path)
    return found


def on_both(command, tmp_path, *arguments):
    """What a command writes as JSON on the CPU and on the device, and the waits."""
    written = []
    for device in ("cpu", "gpu"):
        out = tmp_path / device
        given = [*map(str, arguments), "--results-path", str(out)]
        args = command.build_parser().parse_args(given)
        args.cpu = device == "cpu"
        if args.cpu:
            command.main(args)
        else:
            with pretend(), count_waits() as waits:
                command.main(args)
        paths = sorted(out.rglob("*.json"))
        assert paths
        written.append({path.name: json.loads(path.read_text()) for path in paths})
    assert sum(waits.values()) > 0  # so that it ran there
    return written


@pytest.mark.parametrize("family", FAMILIES)
def test_evaluation_finds_the_same_scores(trained, tmp_path, family):
    data, path = trained[family]
    cpu, gpu = on_both(
        evaluate, tmp_path, data, "--path", path, "--bootstrap-samples", "9"
    )
    assert cpu == gpu


@pytest.mark.parametrize("family", ["pairs", "tagging"])
def test_distillation_selects_the_same_samples(trained, tmp_path, family):
    data, path = trained[family]
    cpu, gpu = on_both(distill, tmp_path, data, "--path", path, "--lang", "de")
    assert cpu == gpu
    assert all(
        (tmp_path / "cpu" / name).read_bytes() == (tmp_path / "gpu" / name).read_bytes()
        for name in ("labels.bin", "selected.bin")
    )


def test_analyses_find_the_same_numbers(trained, tmp_path):
    data, path = trained["pairs"]
    cpu, gpu = on_both(analyze, tmp_path, "cka", data, "--path", path)
    (one,), (other,) = ([x["cka"] for x in y["cka.json"]["models"]][1:]
                        for y in (cpu, gpu))  # fmt: skip
    assert one.keys() == other.keys() and one
    for lang, values in one.items():
        assert other[lang] == pytest.approx(values, abs=1e-5)


def test_inspection_of_the_mixing_finds_the_same_ratios(trained, simulated_gpu):
    built = build(FAMILIES["pairs"][1], trained["pairs"][0])
    net_input = batch_of(built.task, "train")["net_input"]
    sources = net_input["source_tokens"]
    streams = (net_input["src_tokens"][: len(sources)], sources)
    model = built.model.eval()
    (want,) = inspect_mixing(model, *streams).layers
    streams = [tokens.to("cuda") for tokens in streams]
    (found,) = inspect_mixing(model.to("cuda"), *streams).layers
    assert found.ratio.is_cuda and found.entropy.is_cuda
    assert torch.allclose(found.ratio.cpu(), want.ratio)
    assert torch.allclose(found.scores.cpu(), want.scores)


@pytest.mark.parametrize("kind", ["pairs", "words"])
def test_generation_writes_the_same_variants(spm, tmp_path, kind):
    draw, write = {
        "pairs": (draw_pairs, write_pairs),
        "words": (draw_words, write_sentences),
    }[kind]
    data = write(tmp_path / "data", spm, {"train": {"en": draw("en", 5)}})
    command = generate_command(data, write_lm(tmp_path / "lm", spm))
    generate_in_fork([*command, f"--results-path={tmp_path / 'cpu'}"])
    command.remove("--cpu")
    device = pretend()
    generate_in_fork(
        [*command, f"--results-path={tmp_path / 'gpu'}"], before=device.__enter__
    )
    assert snapshot(tmp_path / "cpu") == snapshot(tmp_path / "gpu")
