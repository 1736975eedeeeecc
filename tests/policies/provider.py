"""The installed provider's own words: its type tokens, and the inputs of each type.

Read from the source of its SDK, because importing all of it takes a minute.
"""

import functools
import importlib.util
import re
from pathlib import Path

_TOKEN = re.compile(r"super\(\w+, __self__\).__init__\(\s*'(aws:[^']+)'")
_ARGS = re.compile(r"@pulumi.input_type\nclass \w+Args:\n(.*?)\n@pulumi.input_type\nclass _", re.S)
_INPUT = re.compile(
    r'@pulumi.getter(?:\(name="(\w+)"\))?\n(?:    @[^\n]*\n)*    def (\w+)\(self\) -> ([^\n]*)'
)


@functools.cache
def inputs() -> dict[str, dict[str, str]]:
    """Token -> input in camelCase -> its type as written."""
    spec = importlib.util.find_spec("pulumi_aws")
    assert spec is not None
    assert spec.submodule_search_locations
    found = {}
    for file in sorted(Path(spec.submodule_search_locations[0]).glob("*/*.py")):
        text = file.read_text()
        token = _TOKEN.search(text)
        args = _ARGS.search(text) if token else None  # in the files of nested types it never ends
        if token:
            found[token.group(1)] = _inputs(args.group(1)) if args else {}
    return found


def _inputs(text: str) -> dict[str, str]:
    return {camel or name: kind for camel, name, kind in _INPUT.findall(text)}
