"""Lists of paths in one option: whatever a folder is called, it comes back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairseq_xling.data.path_lists import join_paths, split_paths
from fairseq_xling.errors import UserError

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
    with pytest.raises(UserError, match="--mixture") as error:
        split_paths(text, "--mixture")
    assert "\n" not in str(error.value)
