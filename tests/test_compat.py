"""What is put in the place of other packages' functions, and errors behind errors."""

import os
from types import SimpleNamespace

import pytest

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
