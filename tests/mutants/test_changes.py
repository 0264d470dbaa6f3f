"""A module's mutants: each operator does what it says, and a mutant is known wherever its line goes."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from tests.mutants.changes import difference, mutants_of, mutated


def whats(source: str) -> list[str]:
    return [mutant.what for mutant in mutants_of("m", dedent(source))]


def in_function(body: str, head: str = "def f(a, b, c):") -> list[str]:
    return whats(f"{head}\n    {body}\n")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a(b == c)", ["a(b == c) => pass", "b == c => b != c"]),
        ("a(b < c)", ["a(b < c) => pass", "b < c => b <= c"]),
        ("a(b >= c)", ["a(b >= c) => pass", "b >= c => b > c"]),
        ("a(b is c)", ["a(b is c) => pass", "b is c => b is not c"]),
        ("a(b and c)", ["a(b and c) => pass", "b and c => b or c", "b and c => c", "b and c => b"]),
        ("a(not b)", ["a(not b) => pass", "not b => b"]),
        ("a(b if c else a)", ["a(b if c else a) => pass", "b if c else a => b", "b if c else a => a"]),
        ("a(1)", ["a(1) => pass", "1 => 2"]),
        ("a(True)", ["a(True) => pass", "True => False"]),
        ("a('')", ["a('') => pass", "'' => 'x'"]),
        ("a(b, key=c)", ["a(b, key=c) => pass", "a(b, key=c) => a(b)"]),
        ("a(any(b))", ["a(any(b)) => pass", "any(b) => all(b)"]),
        ("a(b - c)", ["a(b - c) => pass", "b - c => b + c"]),
        ("a({b: c})", ["a({b: c}) => pass", "{b: c} => {}"]),
        ("a(b.with_x(c))", ["a(b.with_x(c)) => pass", "b.with_x(c) => b"]),
        ("a = b", ["a = b => pass"]),
        ("a += b", ["a += b => pass", ]),
        ("a.x = b", ["a.x = b => pass"]),
        ("new = b", []),
        ("assert_never(a)", []),
        ("T = TypeVar('T', covariant=True)", []),
        ("a((b, c))", ["a((b, c)) => pass", "(b, c) => (c,)", "(b, c) => (b,)", "(b, c) => (c, b)"]),
        ("a(dict([b, c]))", ["a(dict([b, c])) => pass", "[b, c] => [c]", "[b, c] => [b]"]),
        ("raise a('no such b: c')", ["raise a('no such b: c') => pass"]),
        ("isinstance(a, B | C)", ["isinstance(a, B | C) => pass", "B | C => B", "B | C => C"]),
    ],
)  # fmt: skip
def test_the_mutants_of_a_statement(body: str, expected: list[str]) -> None:
    assert in_function(body) == expected


def test_a_branch_is_never_taken_or_taken_in_the_other_case() -> None:
    assert in_function("if a: return b") == [
        "if a: return b => if False: return b",
        "if a: return b => if not a: return b",
    ]


def test_a_filter_is_dropped_and_negated() -> None:
    assert set(in_function("return [x for x in a if b(x)]")) == {
        " for x in a if b(x) => for x in a".strip(),
        "for x in a if b(x) => for x in a if not b(x)",
    }


def test_each_part_of_a_tuple_of_any_length_is_dropped_and_neighbours_are_swapped() -> None:
    expected = {"(*a, *b) => (*b,)", "(*a, *b) => (*a,)", "(*a, *b) => (*b, *a)"}

    assert set(in_function("return (*a, *b)")) == expected
    assert {"(b, c) => (c,)", "(b, c) => (b,)", "(b, c) => (c, b)"} <= set(in_function("a((b, c))"))


def test_where_an_ignored_rule_stands_among_effects_says_nothing() -> None:
    found = in_function("a((Ignored(b), c))")

    assert "(Ignored(b), c) => (c,)" in found
    assert "(Ignored(b), c) => (c, Ignored(b))" not in found


def test_a_tuple_of_a_fixed_length_keeps_it() -> None:
    assert in_function("return a, b", "def f(a, b) -> tuple[int, int]:") == []
    assert in_function("return a, b", "def f(a, b) -> tuple[int, ...]:") != []


def test_a_choice_among_constants_loses_each_of_them() -> None:
    found = in_function("return a in ('x', 'y')")

    assert {"a in ('x', 'y') => a in ('y',)", "a in ('x', 'y') => a in ('x',)"} <= set(found)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("bool", ["return a => return not a"]),
        ("int | None", ["return a => return None"]),
        ("tuple[int, ...]", ["return a => return ()"]),
        ("int", []),
    ],
)
def test_a_function_returns_what_its_annotation_allows_besides(annotation: str, expected: list[str]) -> None:
    assert in_function("return a", f"def f(a) -> {annotation}:") == expected


def test_a_cell_of_a_table_becomes_another_of_its_column() -> None:
    found = whats("T = table('name', (A, YES, B), (B, NO, A))")

    assert "table('name', (A, YES, B), (B, NO, A)) => table('name', (A, NO, B), (B, NO, A))" in found
    assert all(len(what.split(" => ")[1].split("),")) == 2 for what in found), "a row keeps its length"


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""',
        "x: Literal['a']",
        "def f(a: 'int' = None) -> 'str': '''A docstring.'''",
        "__all__ = ['a', 'b']",
        "import a.b",
        "assert a == 1, 'so it is'",
        "class A:\n    def __repr__(self):\n        return 'A' if self.x else 'B'",
        "if TYPE_CHECKING:\n    from a import b",
        "X: TypeAlias = 'int | str'",
        "x = f'{seq}-push'",
    ],
)
def test_what_is_for_people_or_for_types_has_no_mutants(source: str) -> None:
    assert whats(source) == []


def test_only_the_requirements_of_a_rule_have_mutants() -> None:
    found = whats("R = rule('a:b', 'It says so.', '3.1-01 3.1-02', 'RFC 6120 §8')")

    assert found == [
        "rule('a:b', 'It says so.', '3.1-01 3.1-02', 'RFC 6120 §8') => rule('a:b', 'It says so.', 'RFC 6120 §8')"
    ]


def test_a_mutant_is_known_wherever_its_line_goes() -> None:
    source = "class A:\n    def f(self):\n        return self.x == 1\n"
    later = "import x\n\n\n" + source

    assert [m.id for m in mutants_of("m", source)] == [m.id for m in mutants_of("m", later)]
    assert [m.lines for m in mutants_of("m", later)] == [(6, 6)] * 2


def test_mutants_with_the_same_text_have_different_ids() -> None:
    ids = [mutant.id for mutant in mutants_of("m", "def f(a):\n    g(a == 1)\n    h(a == 1)\n")]

    assert len(set(ids)) == len(ids)
    assert {"m f: a == 1 => a != 1", "m f: a == 1 => a != 1 #2"} <= set(ids)


def test_each_mutant_is_the_module_with_one_change_and_keeps_the_lines() -> None:
    source = dedent(
        """
        LIMIT = 1

        def f(a):
            if a == LIMIT:
                return a
            return None
        """
    )
    plain = ast.unparse(ast.parse(source))

    for mutant in mutants_of("m", source):
        tree = mutated(source, mutant.number)
        compile(tree, "m", "exec")
        assert ast.unparse(tree) != plain
        assert [node.lineno for node in tree.body] == [2, 4]


def test_there_is_no_mutant_beyond_the_last() -> None:
    with pytest.raises(ValueError, match="no mutant 9"):
        mutated("x = 1", 9)


def test_a_mutant_names_its_function_or_the_value_that_it_defines() -> None:
    source = "X = 1\nclass A:\n    y: int = 2\n    @d(3)\n    def f(self, z=4):\n        def g(): return 5\n"
    found = {mutant.what: mutant for mutant in mutants_of("m", source)}

    assert found["1 => 2"].function is None
    assert found["1 => 2"].names == {"X"}
    assert found["2 => 3"].names == {"y"}
    assert found["3 => 4"].function is None
    assert found["4 => 5"].function is None
    assert found["4 => 5"].names == {"f"}
    assert found["5 => 6"].function == ("A.f", 4)
    assert found["5 => 6"].place == "A.f.g"


def test_long_texts_show_only_their_difference() -> None:
    long = ", ".join(f"element_{n}" for n in range(100))

    said = difference(f"({long})", f"({long.replace('element_50, ', '')})")

    assert len(said) < 200
    assert "element_50" in said.split(" => ")[0]
    assert "element_50" not in said.split(" => ")[1]


# --- checks of arguments ----------------------------------------------------------------------------------


def in_checks(source: str) -> set[str]:
    return {mutant.what for mutant in mutants_of("m", dedent(source)) if mutant.checks}


def test_what_only_refuses_wrong_arguments_is_a_check() -> None:
    validator = """
        def _is_text(_: object, attribute: object, value: object) -> None:
            for each in value:
                if not each:
                    raise wrong_type(attribute.name, "a text", each)
    """
    delegating = """
        def _are_texts(_: object, attribute: object, value: object) -> None:
            _is_text(_, attribute, value)
    """

    assert "not each => each" in in_checks(validator)
    assert in_checks(delegating) == {"_is_text(_, attribute, value) => pass"}
    assert in_checks("def f(a: int) -> int:\n    if a < 0:\n        raise ValueError('a')\n    return a + 1") == {
        "if a < 0: raise ValueError('a') => if False: raise ValueError('a')",
        "a < 0 => a <= 0",
        "0 => 1",
        "raise ValueError('a') => pass",
    }


def test_a_validator_of_a_field_is_a_check() -> None:
    assert in_checks("a: int = field(default=0, validator=ge(0))") == {
        "field(default=0, validator=ge(0)) => field(default=0)",
    }


@pytest.mark.parametrize(
    "source",
    [
        "def f(a: int) -> int:\n    if a < 0:\n        raise NotFound('a')\n    return a",
        "def f(a: int) -> int:\n    if a < 0:\n        raise ValueError('a')\n    else:\n        a += 1\n    return a",
        "def f(a: list[int]) -> None:\n    a.append(b and c)",
        "def f(a: int) -> None:\n    if a:\n        a.b = a and c\n        raise ValueError('a')",
    ],
    ids=["another exception", "another branch", "no exception", "an effect"],
)
def test_what_does_more_is_no_check(source: str) -> None:
    assert in_checks(source) == set()
