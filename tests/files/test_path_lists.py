"""Lists of paths in one option: whatever a folder is called, it comes back."""

import warnings

import pytest
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from hypothesis import example, given
from hypothesis import strategies as st
from refusals import refused

import fairseq_xling  # noqa: F401
from fairseq_xling.files.path_lists import join_paths, split_paths

PATHS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
)


@given(st.lists(PATHS, min_size=1))
@example(["a,b", 'c"d', "e\nf\r", " g ", '"', ","])
def test_paths_come_back(paths):
    assert split_paths(join_paths(paths), "--mixture") == paths


def test_plain_paths_are_written_as_ever():
    assert join_paths(["a/b c", "d'e"]) == "a/b c,d'e"


@pytest.mark.parametrize("text", ['"a', '"a"b,c', "a,,b", "a,", "a\nb"])
def test_what_is_no_list_is_refused(text):
    with refused("--mixture"):
        split_paths(text, "--mixture")


def read(folder, *more):
    """The options of a fairseq-train whose data folder is ``folder``."""
    command = [folder, "--task=multimix_xnli", "--arch=xmixup_xlmr_mini", *more]
    parser = options.get_training_parser()
    args = options.parse_args_and_arch(parser, [*command, f"--save-dir={folder}"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hydra's, of its own old names
        return convert_namespace_to_omegaconf(args)


ODD = "/a,b 'c' \"d\" *[e]? {f} $g #h\ni:=~(j)\\k"


def test_odd_folder_comes_through_fairseqs_command_line():
    cfg = read(ODD, f"--mixture={join_paths([ODD, '/plain', ODD])}")
    assert (cfg.task.data, cfg.checkpoint.save_dir) == (ODD, ODD)
    assert split_paths(cfg.task.mixture, "--mixture") == [ODD, "/plain", ODD]


@pytest.mark.parametrize("folder", ["/a${b}", "/a\\", "/a\\'b"])
def test_folder_that_fairseq_cannot_read_is_refused(folder):
    with refused("give another name$"):
        read(folder)
