"""Writes `docs/errors.md` from the source: TikTok's words and our own codes. `python docs/error_codes.py`.

Our own codes are read from the source with `ast`: the first argument of every error class. Where a helper passes a
code on, the code is taken from the calls of the helper. So the page cannot forget one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airdate import errors
from airdate.console import ACTORS
from airdate.errors import AirdateError, Who
from airdate.following.heeding import DEEDS, REMOVALS
from airdate.tiktok.codes import WORDS, Where
from airdate.tiktok.webhooks import Kind

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "errors.md"
PACKAGES = ("airdate", "flows", "tasks", "blocks")
TABLE_OF_WORDS = ROOT / "airdate" / "tiktok" / "codes.py"
VALUE = "…"

HEAD = """# Error codes

Every error carries a `code`, who must act (`who`), what happened (`message`), the `item`, the `rule` and the `fix`;
TikTok's `log_id` where there is one. Where TikTok decided, the code is TikTok's own word, unchanged. The exit status
is the one of `airdate publish`; [the table](../README.md#exit-statuses) says what each means.

This page is written by `python docs/error_codes.py` from the source; a test fails when it is not current. `…` stands
for a value. An error nobody foresaw has the code `bug` and exit status 1.
"""


@dataclass(frozen=True, slots=True, order=True)
class Code:
    """One of our own codes, as it is raised at one place."""

    code: str
    exit: int
    who: str
    message: str
    fix: str
    where: str


def own_codes() -> list[Code]:
    """Every code that our own source raises, TikTok's words aside."""
    trees = {
        path: ast.parse(path.read_text())
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != TABLE_OF_WORDS
    }
    classes = _error_classes(trees.values())
    return sorted({code for path, tree in trees.items() for code in _Reader(path, tree, classes).codes()})


def _error_classes(trees: Iterable[ast.Module]) -> dict[str, type[AirdateError]]:
    """Name of each error class, ours of `errors.py` and those built on them elsewhere, and the one that decides."""
    known = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, AirdateError) and kind is not AirdateError
    }
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name not in known:
                bases = [known[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in known]
                if bases:
                    known[node.name] = type(node.name, (bases[0],), dict(_overridden(node)))
    return known


def _overridden(node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    """The exit status and the actor of an error class that differ from those of the one it is built on."""
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            name, value = line.targets[0].id, line.value
            if name == "exit_code":
                yield name, ast.literal_eval(value)
            elif name == "default_who" and isinstance(value, ast.Attribute):
                yield name, Who[value.attr]


class _Reader:
    """Finds the codes of one module."""

    def __init__(self, path: Path, tree: ast.Module, classes: dict[str, type[AirdateError]]) -> None:
        self.where = str(path.relative_to(ROOT))
        self.tree = tree
        self.classes = classes
        self.texts = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def codes(self) -> Iterator[Code]:
        for scope, call, kind in self._raised(self.tree, None):
            if call.args:
                yield from self._of_call(scope, call, kind)

    def _raised(
        self, node: ast.AST, scope: ast.AST | None
    ) -> Iterator[tuple[ast.AST | None, ast.Call, type[AirdateError]]]:
        """Every making of an error, with the function it stands in."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outer, scope = scope, node
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                node.parent = outer  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and (kind := self._kind(node, scope)):
            yield scope, node, kind
        for child in ast.iter_child_nodes(node):
            yield from self._raised(child, scope)

    def _kind(self, call: ast.Call, scope: ast.AST | None) -> type[AirdateError] | None:
        if isinstance(call.func, ast.Name):
            return self.classes.get(call.func.id)
        is_super = isinstance(call.func, ast.Attribute) and ast.unparse(call.func) == "super().__init__"
        parent = getattr(scope, "parent", None)
        return self.classes.get(parent.name) if is_super and isinstance(parent, ast.ClassDef) else None

    def _of_call(self, scope: ast.AST | None, call: ast.Call, kind: type[AirdateError]) -> Iterator[Code]:
        first = call.args[0]
        given = {word.arg: word.value for word in call.keywords if word.arg}
        message = call.args[1] if len(call.args) > 1 else None
        if isinstance(first, ast.Name) and isinstance(scope, ast.FunctionDef) and first.id in _parameters(scope):
            for caller in _calls_of(self.tree, scope.name):
                bound = _bound(scope, caller)
                values = {
                    name: bound.get(value.id, value) for name, value in given.items() if isinstance(value, ast.Name)
                }
                said = bound.get(message.id, message) if isinstance(message, ast.Name) else message
                if first.id in bound:
                    yield from self._made(bound[first.id], said, given | values, kind)
        else:
            yield from self._made(first, message, given, kind)

    def _made(
        self, code: ast.expr, message: ast.expr | None, given: dict[str, ast.expr], kind: type[AirdateError]
    ) -> Iterator[Code]:
        who = ast.unparse(given["who"]).removeprefix("Who.").lower() if "who" in given else kind.default_who.value
        if who not in [actor.value for actor in ACTORS]:
            who = kind.default_who.value
        for text in self._words(code):
            if text != VALUE:
                yield Code(text, kind.exit_code, who, self._text(message), self._text(given.get("fix")), self.where)

    def _words(self, node: ast.expr) -> list[str]:
        if isinstance(node, ast.IfExp):
            return [*self._words(node.body), *self._words(node.orelse)]
        return [self._text(node)]

    def _text(self, node: ast.expr | None) -> str:
        """A text as far as the source tells it."""
        match node:
            case None | ast.Constant(value=None):
                return ""
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=parts):
                return "".join(self._text(part) for part in parts)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._text(left) + self._text(right)
            case ast.Name(id=name) if name in self.texts:
                return self._text(self.texts[name])
            case ast.IfExp(body=body, orelse=other):
                return " / ".join(text for text in (self._text(body), self._text(other)) if text)
        return VALUE


def _parameters(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]]


def _calls_of(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def _bound(function: ast.FunctionDef, call: ast.Call) -> dict[str, ast.expr]:
    names = [name for name in _parameters(function) if name != "self"]
    return dict(zip(names, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}


def _seen(value: ast.expr, bound: dict[str, ast.expr]) -> ast.expr:
    """What a helper's parameter stands for in one call of it."""
    return bound.get(value.id, value) if isinstance(value, ast.Name) else value


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for where in Where:
        rows = [
            (f"`{word.word}`", word.error.exit_code, f"`{word.who}`", word.meaning, word.fix or "")
            for word in WORDS
            if word.where is where
        ]
        parts.append(f"## TikTok's words: {where.value}\n\n{_table(rows)}")
    parts.append(f"## TikTok's webhooks\n\n{_events()}")
    rows = [
        (f"`{code.code}`", code.exit, f"`{code.who}`", code.message, code.fix)
        for code in {(code.code, code.exit): code for code in reversed(own_codes())}.values()
    ]
    parts.append(f"## Our own codes\n\n{_table(sorted(rows))}")
    return "\n".join(parts)


def _events() -> str:
    """What is done about each event, and the reasons of a consent's end."""
    rows = [(f"`{kind}`", f"`{who}`", deed, fix or "") for kind, (who, deed, fix) in DEEDS.items()]
    fix = DEEDS[Kind.AUTHORIZATION_REMOVED][2]
    rows += [
        (f"`{Kind.AUTHORIZATION_REMOVED}`, reason {reason}", f"`{who}`", what, fix)
        for reason, (who, what) in REMOVALS.items()
    ]
    return _table(rows, ("event", "who", "what is done", "fix"))


def _table(
    rows: Iterable[tuple[object, ...]], head: tuple[str, ...] = ("code", "exit", "who", "what happened", "fix")
) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
