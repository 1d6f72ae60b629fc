"""Read YAML from people: plain data only, and no more of it than was written."""

import warnings
from typing import Any

from ruamel.yaml import YAML, SafeConstructor
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import YAMLError

#: What the parser raises for text that it cannot read.
NOT_YAML = (YAMLError, ValueError, LookupError, RecursionError)


class _Constructor(SafeConstructor):
    """Keeps merge keys of merge keys from unfolding without end."""

    def flatten_mapping(self, node: Any) -> Any:
        """Put the merged keys of a mapping among its own."""
        before = len(node.value)
        merged = super().flatten_mapping(node)
        if len(node.value) > max(before, 1000):
            problem = "merge keys (<<) that unfold to more than 1000 keys"
            raise ConstructorError(problem=problem, problem_mark=node.start_mark)
        return merged


def load_yaml(text: str) -> Any:
    """The value of a YAML document; raises one of ``NOT_YAML``."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    with warnings.catch_warnings(action="ignore"):  # what YAML 1.1 has different
        return yaml.load(text)
