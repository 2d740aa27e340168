"""What counts as a change of a function's code, and what does not: with the source at hand, and without."""

import ast
import functools
import importlib.util
import itertools
import json
import linecache
import pathlib
import subprocess
import sys
import sysconfig
import types

import pytest

import memostore
from memostore import Store
from memostore.fingerprint import code_version
from memostore.fingerprint.reach import Reach

NUMBERS = itertools.count()


def from_file(source, folder):
    """Import a module from a file of its own."""
    path = folder / f"{next(NUMBERS)}" / "project.py"
    path.parent.mkdir()
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("project", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def from_text(source, _folder):
    """Run a module's text that no file holds: there is bytecode and nothing else."""
    namespace = {"__name__": "project"}
    exec(compile(source, "<text>", "exec", dont_inherit=True), namespace)
    return namespace["f"]


@pytest.fixture(params=[from_file, from_text], ids=["source", "bytecode"])
def fingerprint(request, tmp_path):
    return lambda source: code_version(request.param(source, tmp_path)).fingerprint


@pytest.fixture
def by_source(tmp_path):
    return lambda source: code_version(from_file(source, tmp_path)).fingerprint


# Edits that change nothing that the function does. Each is seen as none, with the source and without.
SAME = {
    "comment": ("def f(a):\n return a + 1", "def f(a):  # adds\n # one\n return a + 1"),
    "blank lines": ("def f(a):\n b = a\n return b", "\n\n\ndef f(a):\n\n\n b = a\n\n return b\n\n"),
    "indentation": ("def f(a):\n if a:\n  return 1", "def f(a):\n        if a:\n                return 1"),
    "spaces and parentheses": ("def f(a):\n return a+1", "def f( a ):\n return (a  +  (1))"),
    "quotes": ("def f():\n return 'a', f'{1}'", 'def f():\n return "a", f"{1}"'),
    "raw text": ("def f():\n return '\\n'", 'def f():\n return """\n"""'),
    "joined text": ("def f():\n return 'a' 'b'", "def f():\n return 'ab'"),
    "how a number is written": ("def f():\n return 1000, 255, 1.0", "def f():\n return 1_000, 0xff, 1."),
    "one line or two": ("def f(a):\n if a: return 1\n return 2", "def f(a):\n if a:\n  return 1\n return 2"),
    "trailing comma": ("def f(a):\n return g(a, [a], (1, 2))", "def f(a):\n return g(a, [a,], (1, 2,),)"),
    "docstring added": ("def f(a):\n return a", "def f(a):\n 'Return a.'\n return a"),
    "docstring changed": ("def f(a):\n 'Return.'\n return a", "def f(a):\n '''Give back.'''\n return a"),
    "docstring alone": ("def f():\n 'Do nothing.'", "def f():\n pass"),
    "docstring beside None": ("def f():\n 'Doc.'\n return None", "def f():\n return None"),
    "docstring of a nested function": (
        "def f():\n def g():\n  'Doc.'\n  return 1\n return g()",
        "def f():\n def g():\n  return 1\n return g()",
    ),
    "position": ("def f(a):\n return a", "x = 1\ndef other():\n return 2\n\n\ndef f(a):\n return a"),
    "position of a nested class": (
        "def f():\n class C:\n  x = 1\n return C",
        "\n\n\ndef f():\n class C:\n  x = 1\n return C",
    ),
    "unrelated code": ("def f(a):\n return a", "import json\ndef f(a):\n return a\ndef g(a):\n return a"),
    "pass": ("def f(a):\n pass\n return a", "def f(a):\n return a"),
    "annotations": ("def f(a: int, *b: str, c: 'x' = 1) -> str:\n return a", "def f(a, *b, c=1):\n return a"),
    "annotation of a variable": ("def f(a):\n x: int = a\n return x", "def f(a):\n x = a\n return x"),
    "future import": ("from __future__ import annotations\ndef f(a):\n return a", "def f(a):\n return a"),
    "a local name": ("def f(a):\n b = a + 1\n return b * a", "def f(a):\n c = a + 1\n return c * a"),
    "names of parameters": ("def f(a, b=1, *c, d=2):\n return a - b", "def f(x, y=1, *z, w=2):\n return x - y"),
    "a loop variable": ("def f(a):\n for i in a:\n  print(i)", "def f(a):\n for j in a:\n  print(j)"),
    "a variable of a comprehension": (
        "def f(a):\n return [i for i in a if i]",
        "def f(a):\n return [j for j in a if j]",
    ),
    "name of an exception": (
        "def f(a):\n try:\n  return a\n except E as e:\n  return str(e)",
        "def f(a):\n try:\n  return a\n except E as x:\n  return str(x)",
    ),
    "name in a with": ("def f(a):\n with a as b:\n  return b.c", "def f(a):\n with a as d:\n  return d.c"),
    "a default": ("def f(a, b=1):\n return a", "def f(a, b=2):\n return a"),  # its value is in the call's key
    "decorator": ("def d(g): return g\ndef f(a):\n return a", "def d(g): return g\n@d\ndef f(a):\n return a"),
    "type comment": ("def f(a):\n x = [] # type: list\n return x", "def f(a):\n x = []\n return x"),
}

# Edits that change nothing either; only the source can tell.
SAME_BY_SOURCE = {
    "line breaks in a comprehension": (
        "def f(p):\n return [x for x in p if x and x is not None]",
        "def f(p):\n return [\n  x\n  for x in p\n  if x\n  and x is not None\n ]",
    ),
    "line breaks in a call": (
        "def f(a, b):\n return g(a=a, b=b, c=a)",
        "def f(a, b):\n return g(\n  a=a,\n  b=b,\n  c=a,\n )",
    ),
    "statements on one line": ("def f(a):\n b = a; c = b; return c", "def f(a):\n b = a\n c = b\n return c"),
    "a condition on three lines": (
        "def f(a, b, c):\n x = b if a else c\n return x",
        "def f(a, b, c):\n x = (b\n  if a\n  else c)\n return x",
    ),
    "docstring of a nested class": (
        "def f():\n class C:\n  'Doc.'\n  x = 1\n return C.x",
        "def f():\n class C:\n  x = 1\n return C.x",
    ),
    "annotation of a nested function": (
        "def f(a):\n def g(x: int) -> int: return x\n return g(a)",
        "def f(a):\n def g(x): return x\n return g(a)",
    ),
    "a captured variable": (
        "def f(a):\n k = 2\n return [i * k for i in a], (lambda: k)()",
        "def f(a):\n z = 2\n return [i * z for i in a], (lambda: z)()",
    ),
    "a nonlocal variable": (
        "def f(a):\n n = 0\n def g():\n  nonlocal n\n  n += 1\n g()\n return n",
        "def f(a):\n m = 0\n def g():\n  nonlocal m\n  m += 1\n g()\n return m",
    ),
    "a variable that a pattern binds": (
        "def f(a):\n match a:\n  case [x, *y] | {'k': x, **y}: return x, y",
        "def f(a):\n match a:\n  case [p, *q] | {'k': p, **q}: return p, q",
    ),
    "a walrus": ("def f(a):\n return (b := a), b", "def f(a):\n return (c := a), c"),
    "a local import": (
        "def f(a):\n import math as m\n return m.sin(a)",
        "def f(a):\n import math as n\n return n.sin(a)",
    ),
}

# Edits that change what the function does, or may do.
DIFFERENT = {
    "constant": ("def f():\n return 1", "def f():\n return 2"),
    "constant's type": ("def f():\n return 1", "def f():\n return 1.0"),
    "constant, true": ("def f():\n return 1", "def f():\n return True"),
    "constant, sign of zero": ("def f():\n return 0.0", "def f():\n return -0.0"),
    "constant, bytes": ("def f():\n return b'a'", "def f():\n return 'a'"),
    "constant in a tuple": ("def f():\n return (1, 2)", "def f():\n return (1, 2.0)"),
    "constant in a set": ("def f(x):\n return x in {1, 2}", "def f(x):\n return x in {1, 3}"),
    "constant, complex": ("def f():\n return 1j", "def f():\n return 2j"),
    "constant, infinite": ("def f():\n return 1e999", "def f():\n return -1e999"),
    "constant, ellipsis": ("def f():\n return ...", "def f():\n return None"),
    "constant, large": ("def f():\n return 10000000000000000000000", "def f():\n return 10000000000000000000001"),
    "text's spaces": ("def f():\n return 'a b'", "def f():\n return 'a  b'"),
    "list or tuple": ("def f(x):\n return [x, 1]", "def f(x):\n return (x, 1)"),
    "order of a dict": ("def f():\n return {'a': 1, 'b': 2}", "def f():\n return {'b': 2, 'a': 1}"),
    "operator": ("def f(x):\n return x + 1", "def f(x):\n return x - 1"),
    "operator, unary": ("def f(x):\n return -x", "def f(x):\n return +x"),
    "operator, bool": ("def f(x, y):\n return x and y", "def f(x, y):\n return x or y"),
    "operator, in place": ("def f(x):\n x += [1]\n return x", "def f(x):\n x = x + [1]\n return x"),
    "comparison": ("def f(x):\n return x < 1", "def f(x):\n return x <= 1"),
    "is and is not": ("def f(x):\n return x is None", "def f(x):\n return x is not None"),
    "in and not in": ("def f(x):\n return x in y", "def f(x):\n return x not in y"),
    "is and ==": ("def f(x):\n return x == y", "def f(x):\n return x is y"),
    "which local": ("def f(a, b):\n return a - b", "def f(a, b):\n return b - a"),
    "which local, swapped": ("def f(a, b):\n a, b = b, a\n return a", "def f(a, b):\n b, a = b, a\n return a"),
    "local or global": ("def f(a):\n b = 1\n return c", "def f(a):\n c = 1\n return c"),
    "global": ("def f(x):\n return one", "def f(x):\n return other"),
    "built-in": ("def f(x):\n return min(x)", "def f(x):\n return max(x)"),
    "attribute": ("def f(x):\n return x.one", "def f(x):\n return x.other"),
    "method": ("def f(x):\n return x.one()", "def f(x):\n return x.other()"),
    "stored attribute": ("def f(x):\n x.one = 1\n return x", "def f(x):\n x.other = 1\n return x"),
    "name of an argument": ("def f(x):\n return g(a=x)", "def f(x):\n return g(b=x)"),
    "names of arguments": ("def f(x):\n return g(x, a=1, b=2)", "def f(x):\n return g(x, b=1, a=2)"),
    "an argument by name or place": ("def f(x):\n return g(x, 1)", "def f(x):\n return g(x, a=1)"),
    "star": ("def f(x):\n return g(*x)", "def f(x):\n return g(**x)"),
    "call or name": ("def f(x):\n return g", "def f(x):\n return g()"),
    "slice": ("def f(x):\n return x[1:]", "def f(x):\n return x[:1]"),
    "slice or index": ("def f(x):\n return x[1]", "def f(x):\n return x[1:]"),
    "unpacking": ("def f(x):\n a, b = x\n return a", "def f(x):\n a, *b = x\n return a"),
    "import": ("def f(x):\n import math as m\n return m", "def f(x):\n import cmath as m\n return m"),
    "import, relative": ("def f(x):\n from .a import m\n return m", "def f(x):\n from ..a import m\n return m"),
    "import, name": (
        "def f(x):\n from math import sin as s\n return s",
        "def f(x):\n from math import cos as s\n return s",
    ),
    "import, dotted": ("def f(x):\n import a.b\n return a", "def f(x):\n import a.c\n return a"),
    "exception": (
        "def f(x):\n try: return x[0]\n except KeyError: return 1",
        "def f(x):\n try: return x[0]\n except IndexError: return 1",
    ),
    "what a try covers": (
        "def f(x):\n try:\n  a = x[0]\n  b = x[1]\n except KeyError: return 1\n return a",
        "def f(x):\n a = x[0]\n try:\n  b = x[1]\n except KeyError: return 1\n return a",
    ),
    "finally": (
        "def f(x):\n try:\n  return x()\n finally:\n  g()",
        "def f(x):\n try:\n  return x()\n except BaseException:\n  g()",
    ),
    "raise from": ("def f(x):\n raise A from x", "def f(x):\n raise A"),
    "conversion in an f-string": ("def f(x):\n return f'{x!r}'", "def f(x):\n return f'{x!s}'"),
    "format in an f-string": ("def f(x):\n return f'{x:.2f}'", "def f(x):\n return f'{x:.3f}'"),
    "self-documenting f-string": ("def f(x):\n return f'{x=}'", "def f(y):\n return f'{y=}'"),
    "assertion": ("def f(x):\n assert x\n return x", "def f(x):\n return x"),
    "branch": ("def f(x):\n if x: return 1\n return 2", "def f(x):\n if not x: return 1\n return 2"),
    "else of a loop": (
        "def f(x):\n for i in x: pass\n else: return 1\n return 2",
        "def f(x):\n for i in x: pass\n return 2",
    ),
    "break and continue": ("def f(x):\n for i in x:\n  g(i)\n  break", "def f(x):\n for i in x:\n  g(i)\n  continue"),
    "depth of a loop": (
        "def f(x):\n for i in x:\n  g()\n  h()",
        "def f(x):\n for i in x:\n  g()\n h()",
    ),
    "order of statements": ("def f(x):\n g()\n h()", "def f(x):\n h()\n g()"),
    "a list or a generator": ("def f(x):\n return [i for i in x]", "def f(x):\n return (i for i in x)"),
    "a set or a dict": ("def f(x):\n return {i for i in x}", "def f(x):\n return {i: i for i in x}"),
    "condition of a comprehension": (
        "def f(x):\n return [i for i in x if i]",
        "def f(x):\n return [i for i in x if not i]",
    ),
    "order in a comprehension": (
        "def f(x):\n return [(i, j) for i in x for j in x]",
        "def f(x):\n return [(i, j) for j in x for i in x]",
    ),
    "global statement": ("def f():\n global a\n a = 1", "def f():\n a = 1"),
    "nonlocal statement": (
        "def f():\n a = 0\n def g():\n  nonlocal a\n  a = 1\n g()\n return a",
        "def f():\n a = 0\n def g():\n  a = 1\n g()\n return a",
    ),
    "number of parameters": ("def f(a):\n return 1", "def f(a, b):\n return 1"),
    "kind of a parameter": ("def f(*a):\n return a", "def f(**a):\n return a"),
    "star or not": ("def f(*a):\n return a", "def f(a):\n return a"),
    "keyword only": ("def f(a, b):\n return a", "def f(a, *, b):\n return a"),
    "nested function's constant": (
        "def f():\n def g(): return 1\n return g()",
        "def f():\n def g(): return 2\n return g()",
    ),
    "nested function's default": (
        "def f():\n def g(a=1): return a\n return g()",
        "def f():\n def g(a=2): return a\n return g()",
    ),
    "nested function's keyword default": (
        "def f():\n def g(*, a=1): return a\n return g()",
        "def f():\n def g(*, a=2): return a\n return g()",
    ),
    "nested function's parameters, by name": (
        "def f(x):\n def g(a=1, b=2): return a * 10 + b\n return g(a=x)",
        "def f(x):\n def g(b=1, a=2): return b * 10 + a\n return g(a=x)",
    ),
    "nested function's decorator": (
        "def f():\n @d\n def g(): return 1\n return g()",
        "def f():\n @e\n def g(): return 1\n return g()",
    ),
    "nested function's name": (
        "def f():\n def g(): pass\n return g.__name__",
        "def f():\n def h(): pass\n return h.__name__",
    ),
    "nested lambda": ("def f():\n return lambda x: x + 1", "def f():\n return lambda x: x - 1"),
    "nested lambda's parameters": (
        "def f():\n return (lambda a, b: a)(a=1, b=2)",
        "def f():\n return (lambda b, a: b)(a=1, b=2)",
    ),
    "nested class's name": ("def f():\n class A: pass\n return A", "def f():\n class B: pass\n return B"),
    "nested class's base": ("def f():\n class A(B): pass\n return A", "def f():\n class A(C): pass\n return A"),
    "nested class's metaclass": (
        "def f():\n class A(metaclass=B): pass\n return A",
        "def f():\n class A(metaclass=C): pass\n return A",
    ),
    "nested class's attribute": ("def f():\n class A:\n  x = 1\n return A", "def f():\n class A:\n  y = 1\n return A"),
    "nested class's fields": (
        "def f():\n @dataclass\n class A:\n  x: int\n  y: int\n return A(1, 2)",
        "def f():\n @dataclass\n class A:\n  y: int\n  x: int\n return A(1, 2)",
    ),
    "nested class's method": (
        "def f():\n class A:\n  def m(self): return 1\n return A().m()",
        "def f():\n class A:\n  def m(self): return 2\n return A().m()",
    ),
    "pattern": ("def f(s):\n match s:\n  case {'a': 1}: return 1", "def f(s):\n match s:\n  case {'a': 2}: return 1"),
    "pattern's class": (
        "def f(s):\n match s:\n  case A(x=1): return 1",
        "def f(s):\n match s:\n  case A(y=1): return 1",
    ),
    "pattern's guard": (
        "def f(s):\n match s:\n  case x if x: return 1",
        "def f(s):\n match s:\n  case x if g(x): return 1",
    ),
    "chained comparison": ("def f(a, b, c):\n return a < b < c", "def f(a, b, c):\n return a < b and b < c"),
    "await of a nested function": (
        "def f():\n async def g(): await h()\n return g",
        "def f():\n async def g(): h()\n return g",
    ),
    "yield of a nested function": (
        "def f():\n def g(): yield 1\n return g",
        "def f():\n def g(): yield from 1\n return g",
    ),
    "deletion": ("def f(x):\n del x[0]\n return x", "def f(x):\n del x[1]\n return x"),
    # What the code reads of itself.
    "locals() and a name": ("def f(a):\n return locals()", "def f(b):\n return locals()"),
    "locals() in a format": (
        "def f():\n b = 1\n return '{b}'.format(**locals())",
        "def f():\n c = 1\n return '{b}'.format(**locals())",
    ),
    "eval and a name": ("def f(a):\n b = 1; c = 2\n return eval('b')", "def f(a):\n c = 1; b = 2\n return eval('b')"),
    "vars() and a name": ("def f():\n b = 1\n return vars()", "def f():\n c = 1\n return vars()"),
    "locals() of a nested function": (
        "def f():\n def g(a): return locals()\n return g(1)",
        "def f():\n def g(b): return locals()\n return g(1)",
    ),
    "its docstring": ("def f():\n 'one'\n return f.__doc__", "def f():\n 'other'\n return f.__doc__"),
    "a nested docstring": (
        "def f():\n def g():\n  'one'\n return g.__doc__",
        "def f():\n def g():\n  'other'\n return g.__doc__",
    ),
    "nested annotations": (
        "def f():\n def g(a: int): pass\n return g.__annotations__",
        "def f():\n def g(a: str): pass\n return g.__annotations__",
    ),
    "annotations that a decorator reads": (
        "def f(v):\n @singledispatch\n def g(x): return 0\n @g.register\n def _(x: int): return 1\n return g(v)",
        "def f(v):\n @singledispatch\n def g(x): return 0\n @g.register\n def _(x: str): return 1\n return g(v)",
    ),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_what_does_not_count(before, after, fingerprint):
    assert fingerprint(before) == fingerprint(after)


@pytest.mark.parametrize(("before", "after"), SAME_BY_SOURCE.values(), ids=SAME_BY_SOURCE)
def test_what_does_not_count_as_the_source_tells(before, after, by_source):
    assert by_source(before) == by_source(after)


@pytest.mark.parametrize(("before", "after"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_counts(before, after, fingerprint):
    assert fingerprint(before) != fingerprint(after)


def test_no_two_of_many_functions_are_one(fingerprint):
    """Both sides of the whole table at once: who shares a fingerprint differs in local names alone."""
    by_print = {}
    for source in sorted({source for pair in DIFFERENT.values() for source in pair}):
        by_print.setdefault(fingerprint(source), set()).add(_without_local_names(source))
    assert [group for group in by_print.values() if len(group) > 1] == []


def _without_local_names(source):
    """Return a function's text with parameters and local variables numbered."""
    tree = ast.parse(source).body[-1]
    names = dict.fromkeys(arg.arg for arg in ast.walk(tree.args) if isinstance(arg, ast.arg))
    names.update(
        dict.fromkeys(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    )
    numbers = {name: f"local_{number}" for number, name in enumerate(names)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = numbers.get(node.id, node.id)
    for arg in ast.walk(tree.args):
        if isinstance(arg, ast.arg):
            arg.arg = numbers[arg.arg]
    return ast.unparse(tree)


STANDARD_LIBRARY = [
    "argparse",
    "configparser",
    "csv",
    "heapq",
    "inspect",
    "json/decoder",
    "statistics",
    "tempfile",
    "textwrap",
]


def test_the_standard_library_reformatted(tmp_path):
    """Every function of these modules, written anew by `ast.unparse`: other line breaks, quotes, no comments."""
    functions = 0
    for name in STANDARD_LIBRARY:
        text = (pathlib.Path(sysconfig.get_path("stdlib")) / f"{name}.py").read_text()
        one, other = (_functions_of(source, tmp_path) for source in (text, ast.unparse(ast.parse(text))))
        assert one.keys() == other.keys()
        for place in one:
            assert one[place].fingerprint == other[place].fingerprint, f"{name}: {place}"
        functions += len(one)
    assert functions > 300


def _functions_of(source, folder):
    """Return the code versions of a module's functions and methods by name, without running the module."""
    path = folder / f"{next(NUMBERS)}.py"
    path.write_text(source)
    found = {}

    def walk(code, prefix):
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                place = f"{prefix}.{constant.co_name}"
                if constant.co_flags & 2 and not constant.co_freevars and not constant.co_name.startswith("<"):
                    found[f"{place} {len(found)}"] = code_version(types.FunctionType(constant, {}))
                walk(constant, place)

    walk(compile(source, str(path), "exec", dont_inherit=True), "")
    return found


def test_two_lambdas_on_one_line(fingerprint, tmp_path):
    one, other = (fingerprint(f"a, b = lambda x: x + 1, lambda x: x - 1\nf = {name}") for name in "ab")
    assert one != other
    assert one == fingerprint("f = lambda y: (y + 1)")


def test_what_runs_counts_and_not_what_the_file_says_by_now(tmp_path):
    """A file that is edited after it was imported does not lend its new text to the function that still runs."""
    path = tmp_path / "project.py"
    path.write_text("def f(a):\n    return a + 1\n")
    spec = importlib.util.spec_from_file_location("project", path)
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)
    path.write_text("def f(a):\n    return a + 2\n")
    linecache.checkcache()
    new = importlib.util.module_from_spec(spec)
    exec(compile(path.read_text(), str(path), "exec"), vars(new))
    assert old.f(1) == 2
    assert new.f(1) == 3
    assert code_version(old.f).fingerprint != code_version(new.f).fingerprint


def test_a_file_that_is_gone_or_broken(tmp_path):
    for number, damage in enumerate(
        [lambda path: path.unlink(), lambda path: path.write_text("def f(:"), lambda path: path.write_text("")]
    ):
        path = tmp_path / f"project{number}.py"
        path.write_text("def f(a):\n    return a + 1\n")
        spec = importlib.util.spec_from_file_location("project", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        damage(path)
        assert len(code_version(module.f).fingerprint) == 32


def test_an_edit_makes_a_new_entry_and_going_back_hits_the_old(tmp_path):
    store = Store(":memory:")
    add, subtract, add_again = (
        store.memoize(from_file(f"def f(a):\n    return a {operator} 1", tmp_path)) for operator in "+-+"
    )
    assert add(1) == 2
    assert subtract(1) == 0
    assert add_again(1) == 2
    assert add_again.cache_info()[:2] == (1, 0)
    assert len({entry.code for entry in store.find()}) == 2


# What a callable carries.


def scaler(by):
    def scale(x):
        return x * by

    return scale


def test_closures_over_other_values_differ():
    store = Store(":memory:")
    two, three = store.memoize(scaler(2)), store.memoize(scaler(3))
    assert (two(1), three(1), two(1)) == (2, 3, 2)
    assert store.memoize(scaler(2)).is_cached(1)
    assert not store.memoize(scaler(2.0)).is_cached(1)


def test_a_cell_that_is_set_anew_counts_from_the_next_call_on():
    store = Store(":memory:")
    by = 2

    @store.memoize
    def scale(x):
        return x * by

    def set_to(value):
        nonlocal by
        by = value

    assert scale(1) == 2
    set_to(3)
    assert scale(1) == 3
    set_to(2)
    assert scale(1) == 2
    assert scale.cache_info()[:2] == (1, 2)


def test_a_cell_that_is_changed_in_place_counts():
    store = Store(":memory:")
    weights = [1, 2]

    @store.memoize
    def total():
        return sum(weights)

    assert total() == 3
    weights.append(3)
    assert total() == 6


def test_a_helper_in_a_cell_counts_with_its_own_cells():
    store = Store(":memory:")

    def outer(helper):
        return store.memoize(lambda x: helper(x))

    assert outer(scaler(2))(1) == 2
    assert outer(scaler(3))(1) == 3
    assert outer(lambda x: x + 10)(1) == 11


def test_what_can_not_be_keyed_in_a_cell_is_named_as_unseen():
    generator = (n for n in range(3))
    version = code_version(lambda: generator)
    assert [held.encoded() for held in version.held]
    assert json.loads(version.manifest)["unseen"] == [f"{version.name}: generator"]


def test_receivers_belong_to_the_call():
    class Model:
        def __init__(self, weight):
            self.weight = weight

        def predict(self, x):
            return x * self.weight

        __call__ = predict

    store = Store(":memory:")
    model = Model(2)
    for memo in (store.memoize(model.predict), store.memoize(model)):
        model.weight = 2
        assert memo(3) == 6
        model.weight = 5
        assert memo(3) == 15
        model.weight = 2
        assert memo.is_cached(3)


def test_partials_differ_by_what_they_carry():
    store = Store(":memory:")
    extra = [1]
    memo = store.memoize(functools.partial(lambda extra, x: [*extra, x], extra))
    assert memo(0) == [1, 0]
    extra.append(2)
    assert memo(0) == [1, 2, 0]
    assert not store.memoize(functools.partial(lambda extra, x: [*extra, x], [1, 2, 3])).is_cached(0)


def test_the_code_of_a_callable_object_counts(fingerprint):
    template = "class C:\n def __call__(self, x):\n  return x {} 1\nf = C()"
    assert fingerprint(template.format("+")) != fingerprint(template.format("-"))
    assert fingerprint(template.format("+")) == fingerprint("# moved\n\n" + template.format("+"))


@pytest.mark.parametrize(
    "wrapping",
    [
        "functools.lru_cache({})",
        "functools.partial({}, 1)",
        "functools.wraps({0})(lambda *a: {0}(*a))",
        "types.MethodType({}, 1)",
    ],
    ids=["lru_cache", "partial", "wraps", "bound method"],
)
def test_the_code_inside_a_wrapper_counts(wrapping, tmp_path):
    store = Store(":memory:")
    template = (
        "import functools, types\ndef outer():\n def g(x, *y):\n  return x {} 1\n return "
        + wrapping.format("g")
        + "\nf = outer()"
    )
    one, same, other = (
        store.memoize(name="f")(from_file(text, tmp_path))
        for text in (template.format("+"), "# moved\n\n" + template.format("+"), template.format("-"))
    )
    arguments = (5,) if "partial" not in wrapping and "Method" not in wrapping else ()
    assert one.key(*arguments) == same.key(*arguments) != other.key(*arguments)


# Records: what a function writes to and never reads.

RECORDS = {
    "append": "calls = []\n  def f(x):\n   calls.append(x)\n   return x",
    "append in a lambda": "calls = []\n  f = lambda x: calls.append(x) or x",
    "add to a set": "calls = set()\n  def f(x):\n   calls.add(x)\n   return x",
    "nonlocal +=": "calls = 0\n  def f(x):\n   nonlocal calls\n   calls += 1\n   return x",
    "nonlocal = + 1": "calls = 0\n  def f(x):\n   nonlocal calls\n   calls = calls + 1\n   return x",
    "item +=": "calls = {'n': 0}\n  def f(x):\n   calls['n'] += 1\n   return x",
    "item = item + 1": "calls = {'n': 0}\n  def f(x):\n   calls['n'] = calls['n'] + 1\n   return x",
    "item of a list": "calls = [0]\n  def f(x):\n   calls[0] += 1\n   return x",
    "Counter": "calls = collections.Counter()\n  def f(x):\n   calls[x] += 1\n   return x",
    "under a lock": "calls, lock = [], threading.Lock()\n  def f(x):\n   with lock:\n    calls.append(x)\n   return x",
    "recursion": "calls = []\n  @memoize\n  def f(x):\n   calls.append(x)\n   return f(x - 1) + 1 if x else 0",
    "in a helper": "calls = []\n  def helper(x):\n   calls.append(x)\n   return x\n  def f(x):\n   return helper(x)",
    "in a decorator": (
        "calls = []\n  def counted(g):\n   @functools.wraps(g)\n   def inner(x):\n"
        "    calls.append(x)\n    return g(x)\n   return inner\n  @counted\n  def f(x):\n   return x"
    ),
    "an iterator": "calls = itertools.count()\n  def f(x):\n   next(calls)\n   return x",
}


@pytest.mark.parametrize("body", RECORDS.values(), ids=RECORDS)
def test_a_record_that_a_function_keeps_is_no_input(body, tmp_path):
    """The way in which tests and scripts count calls does not make each call another."""
    source = (
        f"import collections, functools, itertools, threading\ndef outer(memoize):\n  {body}\n  return f\nf = outer\n"
    )
    memo = from_file(source, tmp_path)(Store(":memory:").memoize)
    if not hasattr(memo, "cache_info"):
        memo = Store(":memory:").memoize(memo)
    assert memo(3) == memo(3) == 3
    hits, misses = memo.cache_info()[:2]
    assert hits == 1
    assert misses in (1, 4)  # four for the recursion


INPUTS = {
    "read": "calls.append(x)\n   return len(calls)",
    "read in a condition": "calls.append(x)\n   return x if len(calls) < 3 else None",
    "returned": "calls.append(x)\n   return list(calls)",
    "pop": "calls.append(x)\n   return calls.pop(0)",
    "read in a nested function": "calls.append(x)\n   return (lambda: calls[-1])()",
    "locals": "calls.append(x)\n   return str(locals())",
    "failing": "try:\n    calls.remove(x)\n   except ValueError:\n    return 'new'\n   return 'old'",
    "failing to count": "try:\n    calls[x] += 1\n   except IndexError:\n    return 'new'\n   return 'old'",
}


@pytest.mark.parametrize("body", INPUTS.values(), ids=INPUTS)
def test_a_record_that_is_read_is_an_input(body, tmp_path):
    source = f"def outer(calls):\n  def f(x):\n   {body}\n  return f\nf = outer\n"
    outer = from_file(source, tmp_path)
    store = Store(":memory:")
    assert store.memoize(outer([1])).key(1) != store.memoize(outer([2])).key(1)


def test_records_of_a_receiver_are_no_input():
    store = Store(":memory:")

    class Model:
        def __init__(self):
            self.calls, self.log, self.weight = 0, [], 2

        @store.memoize
        def predict(self, x):
            self.calls += 1
            self.log.append(x)
            return x * self.weight

    model = Model()
    assert model.predict(3) == model.predict(3) == 6
    assert (model.calls, model.log) == (1, [3])
    model.weight = 3
    assert model.predict(3) == 9


def test_attributes_that_a_method_reads_in_any_way_are_inputs():
    store = Store(":memory:")

    class Base:
        def total(self):
            return self.calls

    class Counter(Base):
        def __init__(self):
            self.calls = 0

        @property
        def shown(self):
            return self.calls

        @store.memoize
        def by_method(self):
            self.calls += 1
            return self.total()

        @store.memoize
        def by_property(self):
            self.calls += 1
            return self.shown

        @store.memoize
        def by_super(self):
            self.calls += 1
            return super().total()

        @store.memoize
        def by_vars(self):
            self.calls += 1
            return dict(vars(self))["calls"]

        @store.memoize
        def by_alias(self):
            alias = self
            self.calls += 1
            return alias.calls

        @store.memoize
        def by_closure(self):
            self.calls += 1
            return (lambda: self.calls)()

    class Open(Counter):
        def __getattr__(self, name):
            return self.calls

        @store.memoize
        def by_getattr(self):
            self.calls += 1
            return self.anything

    for name in ("by_method", "by_property", "by_super", "by_vars", "by_alias", "by_closure", "by_getattr"):
        counter = Open()
        assert [getattr(counter, name)(), getattr(counter, name)()] == [1, 2], name


# One process and another.

SCRIPT = """
import sys
from memostore.fingerprint import code_version
def f(x, *, names=frozenset({"a", "b", "c"})):
    class Inner:
        def method(self):
            self.one = self.two = self.three = 1
    known = {"p", "q", "r"}
    return [n for n in names if n in {"a", "b", "c", "d"}], lambda n: n in {"k", "l", "m"}, known, Inner
namespace = {}
exec(open(__file__).read().partition("# " + "text")[2], namespace)
print(code_version(f).fingerprint.hex(), code_version(namespace["g"]).fingerprint.hex())
# text
def g(x):
    class Inner:
        def method(self):
            self.one = self.two = self.three = 1
    return x in {"p", "q", "r"}, Inner, lambda: {"k", "l", "m"}
"""


def test_the_same_in_every_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    found = {
        subprocess.run(
            [sys.executable, str(script)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(pathlib.Path(memostore.__file__).parent.parent)},
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1


def test_a_function_of_a_package_that_attrs_renames_stays_the_same(monkeypatch):
    """From Python 3.13 on, each class of attrs gives its own name to the one function that makes its copies."""
    attr = pytest.importorskip("attr")
    before = Reach().encode(attr.evolve)
    monkeypatch.setattr(attr.evolve, "__qualname__", "Another.evolve")
    monkeypatch.setattr(attr.evolve, "__module__", "elsewhere")
    assert Reach().encode(attr.evolve) == before
