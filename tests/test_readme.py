"""The code of README.md, of docs/ and of conformance/ runs, and says what the text says it does.

Every block fenced as ``python`` or ``pycon`` is executed, from top to bottom, the blocks of one file sharing
their names. A block with ``>>>`` prompts is a doctest; any other is run as it stands.
"""

import doctest
import re
import sys
import textwrap
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SEARCHING = ROOT / "docs" / "testing.md"
"""A page whose code looks for differences at random."""
FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+-]*)[^\n]*\n"
    r"(?P<code>.*?)"
    r"^[ \t]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
PROMPT = re.compile(r"^>>> ?", re.MULTILINE)


class Block(NamedTuple):
    code: str
    line: int  # the lines above the code's first one
    prompted: bool


def python_blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    return [
        Block(code, text.count("\n", 0, match.start("code")), PROMPT.search(code) is not None)
        for match in FENCE.finditer(text)
        if match["language"].lower() in ("python", "pycon")
        for code in [textwrap.dedent(match["code"])]
    ]


def run_prompted(block: Block, module: ModuleType, path: Path) -> None:
    test = doctest.DocTestParser().get_doctest(block.code, {}, path.name, str(path), block.line)
    test.globs = module.__dict__
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.append, clear_globs=False)
    if runner.failures:
        pytest.fail("".join(report), pytrace=False)


def run_plain(block: Block, module: ModuleType, path: Path) -> None:
    # The blank lines give a traceback the line numbers of the file.
    source = "\n" * block.line + block.code
    code: CodeType = compile(source, str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)


def test_the_readme_has_python_code() -> None:
    assert python_blocks(README), "README.md shows no Python code"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path == SEARCHING else [])
        for path in (README, *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("conformance/**/*.md")))
        if python_blocks(path)
    ],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_the_code_in_the_text_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("documentation_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in python_blocks(path):
        if block.prompted:
            run_prompted(block, module, path)
        else:
            run_plain(block, module, path)
