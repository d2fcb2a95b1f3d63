"""Options of a model that do not come from its command line: read by its rules."""

import argparse
from argparse import Namespace
from typing import Any, Callable, Dict

from omegaconf import DictConfig, OmegaConf

from fairseq_xling.errors import UserError

AddArgs = Callable[[argparse.ArgumentParser], None]


class OptionParser(argparse.ArgumentParser):
    """A parser of a model's options whose complaints are ours."""

    def __init__(self, add_args: AddArgs) -> None:
        # As fairseq-train: what is not given is missing, for the arch to fill in.
        super().__init__(
            add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS
        )
        add_args(self)
        self.known = {action.dest for action in self._actions}

    def error(self, message: str):  # type: ignore[override]
        """Raise a :class:`UserError`."""
        raise UserError(message)


def read_options(add_args: AddArgs, options: Dict[str, Any]) -> Dict[str, Any]:
    """Check options by the rules of their command line.

    Returns:
        the values in the options' types.
    """
    parser = OptionParser(add_args)
    for name in options:
        if name not in parser.known:
            raise UserError(
                f"{name}: not an option of a model, such as mixup_layer or ratio_scores"
            )
    return {name: _read(parser, name, value) for name, value in options.items()}


def as_namespace(add_args: AddArgs, options: DictConfig) -> Namespace:
    """Options of a YAML file as fairseq-train would have them of a command line."""
    held = OmegaConf.to_container(options, resolve=True)
    assert isinstance(held, dict)
    parser = OptionParser(add_args)
    found = parser.parse_args([])  # those that have a default whatever the arch
    for name, value in held.items():
        is_ours = name in parser.known and value is not None
        value = _read(parser, str(name), value) if is_ours else value
        setattr(found, str(name), value)
    return found


def check_names(add_args: AddArgs, options: DictConfig) -> None:
    """Refuse options that a model has not."""
    # What chooses the model, and who asks.
    known = OptionParser(add_args).known | {"_name", "arch", "_parent"}
    for name in options:
        if name not in known:
            raise UserError(f"model.{name}: not an option of the model; leave it out")


def _read(parser: OptionParser, name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    flag = f"--{name.replace('_', '-')}"
    return getattr(parser.parse_args([f"{flag}={value}"]), name)
