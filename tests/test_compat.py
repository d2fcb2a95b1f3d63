"""What is put in the place of other packages' functions, and errors behind errors."""

import os
import sys
from types import SimpleNamespace
from typing import Any, List, Optional

import numpy
import pytest
from fairseq.data import language_pair_dataset, token_block_dataset
from fairseq.dataclass import utils as dataclass_utils

import fairseq_xling
from fairseq_xling import compat
from fairseq_xling.errors import UserError, find_user_error


def test_function_is_replaced_once_and_calls_the_other():
    owner = SimpleNamespace(add=lambda a, b: a + b)

    def doubled(add, *args, **kwargs):
        return 2 * add(*args, **kwargs)

    for _ in range(2):
        compat.wrap_once(owner, "add", doubled)
        assert owner.add(1, b=2) == 6


def test_user_error_is_found_behind_other_errors():
    with pytest.raises(Exception) as caught:
        try:
            raise UserError("the cause")
        except ValueError:
            raise Exception("what fairseq says")  # noqa: B904
    assert str(find_user_error(caught.value)) == "the cause"
    assert find_user_error(KeyError("other")) is None


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    assert fairseq_xling.__version__ == version("fairseq_xling")


def test_memory_of_onednn_is_bounded_unless_the_user_says_otherwise(monkeypatch):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    compat.bound_primitive_cache()
    assert os.environ[name] == compat.PRIMITIVES
    monkeypatch.setenv(name, "7")
    compat.bound_primitive_cache()
    assert os.environ[name] == "7"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="int | None is of Python 3.10")
def test_optional_types_are_read_in_both_forms():
    for optional in (Optional[int], int | None):
        assert dataclass_utils.interpret_dc_type(optional) is int
    assert dataclass_utils.interpret_dc_type(Any) is str
    assert dataclass_utils.interpret_dc_type(List[int]) == List[int]


def test_fairseq_has_the_numpy_type_that_it_takes():
    """numpy itself stays as it is."""
    for module in (token_block_dataset, language_pair_dataset):
        assert numpy.zeros(1, dtype=module.np.compat.long).dtype == int
        assert module.np.arange is numpy.arange
    old = int(numpy.__version__.split(".")[0]) < 2
    assert hasattr(numpy, "compat") == old
