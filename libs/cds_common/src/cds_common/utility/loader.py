"""Reads the utility's file and says, with line numbers, everything that is wrong with it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cds_common.utility.checks import Fault, find_faults
from cds_common.utility.models import Utility

Location = tuple[str | int, ...]


class UtilityError(ValueError):
    """The file can not be used; the text has one line `file:line: reason` per fault."""


class _Loader(yaml.CSafeLoader):
    """Refuses a key that stands twice, and reads fractions as exact decimals."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            mark = node.value[index][0].start_mark
            raise yaml.constructor.ConstructorError(None, None, f"the key {key} stands twice", mark)
    return loader.construct_mapping(node, deep=True)


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Any:
    return Decimal(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


def load_utility(path: Path, secrets: Path | None = None) -> Utility:
    """The utility declared in `path`.

    `secrets`: a second YAML file with `invite_codes` only, for codes that must not stand in the main file; its codes are added.

    Raises:
        UtilityError: unreadable, not YAML, or any rule broken (all faults are listed).
    """
    root, data = _read(path)
    if secrets is not None:
        _, extra = _read(secrets)
        if set(extra) != {"invite_codes"} or not isinstance(extra["invite_codes"], list):
            raise UtilityError(f"{secrets}:1: only a list of invite_codes is expected")
        data["invite_codes"] = [*(data.get("invite_codes") or []), *extra["invite_codes"]]
    try:
        utility = Utility.model_validate(data)
    except ValidationError as error:
        faults = [Fault(tuple(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors()]
        raise UtilityError("\n".join(_say(path, root, faults))) from error
    faults = find_faults(utility)
    if faults:
        raise UtilityError("\n".join(_say(path, root, faults)))
    return utility


def _read(path: Path) -> tuple[yaml.Node, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        root = loader.get_single_node()
        data: Any = None if root is None else loader.construct_document(root)
    except OSError as error:
        raise UtilityError(f"{path}:1: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "not UTF-8 text"
        raise UtilityError(f"{path}:{mark.line + 1 if mark else 1}: {reason}") from error
    if root is None or not isinstance(data, dict):
        raise UtilityError(f"{path}:1: a mapping is expected")
    return root, data


def _say(path: Path, root: yaml.Node, faults: list[Fault]) -> Iterator[str]:
    for fault in faults:
        where = ".".join(str(part) for part in fault.location)
        yield f"{path}:{_line(root, fault.location)}: {where}: {fault.reason}"


def _line(node: yaml.Node, location: Location) -> int:
    """Line of the deepest part of `location` that the file has."""
    for part in location:
        child = _child(node, part)
        if child is None:
            break
        node = child
    return node.start_mark.line + 1


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None
