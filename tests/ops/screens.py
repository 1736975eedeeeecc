"""The screens of docs/operations.md; `python -m tests.ops.screens` writes them anew."""

import re
import tempfile
from pathlib import Path

from rehearsal.emulator import Emulator
from rehearsal.failing import FAILURES
from tests.ops.emulated import ACCOUNT, deploy, timeless

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
_SCREEN = re.compile(r"(<!-- screen:([\w-]+) -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def shown(text: str) -> dict[str, str]:
    """The screens of a document, by their names."""
    return {match[2]: match[3] for match in _SCREEN.finditer(text)}


def main() -> None:
    """Fails a release in each way and writes down what `ops status` says."""
    seen = {}
    with tempfile.TemporaryDirectory() as folder, Emulator(ACCOUNT) as emulator:
        for how in FAILURES:
            stack = deploy(emulator, Path(folder))
            stack.fail(how)
            seen[how] = timeless(stack.ops("status", "--plain").output)
    text = DOCUMENT.read_text(encoding="utf-8")
    text = _SCREEN.sub(lambda found: f"{found[1]}{seen[found[2]]}{found[4]}", text)
    DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
