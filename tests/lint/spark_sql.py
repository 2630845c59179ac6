"""Keep the models portable to Spark: parse them with Spark's grammar, and refuse what means something else there.

    python -m tests.lint.spark_sql [PATH ...]     # default: dbt_project/models; folders of compiled SQL work as well

Two checks per file, both on the model as written, with its Jinja replaced by neutral names. So whatever a macro
expands to is the macro's business (it can be dispatched per engine), and whatever stands in the model is not.

- The *ban* reads tokens. Every branch of every `if` is read, and lines are the lines of the file.
- The *parse* renders the Jinja with stand-ins, one branch of every `if`, and parses the result as Spark SQL.

Exit status: 0 when nothing is found, 1 when something is, 2 when a path does not exist.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.tokens import Token, TokenType

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models"

REMEDIES = {
    "list index": "Spark counts from 0 and gives a wrong value without an error: use a macro that indexes per engine",
    "list literal": "Spark writes array(...): use a macro, or columns",
    "unnest": "Spark writes explode or lateral view: use a macro",
    "list function": "names and lambdas differ in Spark: use a macro",
    "star exclude": "Spark writes except: name the columns, or use a macro",
    "union by name": "name the columns in the same order on both sides and use union all",
    "distinct on": "use qualify row_number() over (partition by ... order by ...) = 1",
    "ordered aggregate": "Spark has no order by inside an aggregate: use a macro, or rank first and aggregate then",
    "regexp_matches": "Spark writes rlike: use a macro",
    "double-quoted name": "in Spark this is a string: write the name without quotes, in lower case",
    "string type": "take the type from a macro: cast(x as {{ dbt.type_string() }})",
    "lateral values": "Spark has no values that see other columns: use unpivot or union all",
    "stored hash": "differs between engines and versions: use md5, or a macro when it is compared within one build",
    "integer division": "make one side a double, 100.0 * a / b or cast(a as double) / b; whole quotients by a macro",
    "parse": "Spark's grammar does not take it; a macro must stand for a whole expression, relation or statement",
    "jinja": "mend the template",
}
"""Each finding's construct and what to do about it (decision 12 of the design)."""

NEUTRAL = "jinja_value"
"""The name that stands where Jinja prints something."""

STRING_TYPES = {"varchar", "text", "char", "bpchar", "nvarchar"}
ENGINE_HASHES = {"hash", "xxhash64", "murmur_hash", "md5_number", "md5_number_lower", "md5_number_upper"}
MORE_LIST_FUNCTIONS = {"list", "flatten", "range", "generate_series", "generate_subscripts"}
FRACTIONAL_TYPES = {"double", "float", "real", "decimal", "numeric", "float4", "float8"}
FRACTIONAL_FUNCTIONS = set(
    "avg mean median stddev stddev_samp stddev_pop variance var_samp var_pop sqrt exp ln log pow power "
    "quantile_cont percentile_cont".split()
)
NOT_A_FUNCTION = set(
    "over as in exists from join not any all union except intersect select where and or on lateral group when then "
    "else by having qualify using filter values materialized".split()
)


@dataclass(frozen=True, order=True)
class Finding:
    """One place in a model that Spark refuses or reads differently."""

    path: str
    line: int
    construct: str
    detail: str

    @property
    def remedy(self) -> str:
        """What to write instead."""
        return REMEDIES[self.construct]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.construct}: {self.detail}\n    {self.remedy}"


# --- Jinja ------------------------------------------------------------------------------------------------------


class _Stand(jinja2.Undefined):
    """Stands for anything that dbt would provide: can be called, read, looped over once, and prints a neutral name."""

    def __call__(self, *_args: Any, **_kwargs: Any) -> _Stand:
        return self

    def __getattr__(self, name: str) -> _Stand:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _key: Any) -> _Stand:
        return self

    def __iter__(self) -> Iterator[Any]:
        yield self

    def __len__(self) -> int:
        return 1

    def __str__(self) -> str:
        return NEUTRAL

    def __add__(self, _other: Any) -> _Stand:
        return self

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __floordiv__ = __truediv__ = __add__

    def __lt__(self, _other: Any) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__


def _environment() -> jinja2.Environment:
    env = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=_Stand, keep_trailing_newline=True)
    env.globals.update(
        ref=lambda *names, **_: names[-1],
        source=lambda study, form: f"{study}__{form}",
        config=lambda *_, **__: "",
        is_incremental=lambda: False,
        **{"return": lambda value: value},
    )
    return env


def mask(source: str) -> str:
    """The model with every Jinja expression replaced by a neutral name, line by line where it was.

    Tags and comments vanish, the text of all branches stays, the bodies of macros vanish.

    >>> mask("select {{ f({'a': {'b': 1}}) }} as x {% if y %}, 1{% endif %}").split()
    ['select', 'jinja_value', 'as', 'x', ',', '1']
    """
    out: list[str] = []
    line = 1
    in_macro = False
    tag: list[str] | None = None
    for number, kind, value in _environment().lex(source):
        if number > line:
            out.append("\n" * (number - line))
            line = number
        if kind == "block_begin":
            tag = []
        elif kind == "block_end":
            in_macro = tag[0] == "macro" if tag and tag[0] in ("macro", "endmacro") else in_macro
            tag = None
        elif kind == "name" and tag is not None:
            tag.append(value)
        if kind in ("data", "raw_data") and not in_macro:
            out.append(value)
        else:
            out.append(f" {NEUTRAL} " if kind == "variable_begin" and not in_macro else " " * (kind == "block_end"))
            out.append("\n" * value.count("\n"))
        line += value.count("\n")
    text = "".join(out)
    # A name that is part Jinja, scale_{{ n }}, and a printed string, '{{ x }}', stay one token.
    return re.sub(rf"(?<=[\w'\"]) ({NEUTRAL}) | ({NEUTRAL}) (?=[\w'\"])", NEUTRAL, text)


def render(source: str) -> str:
    """The model as dbt could print it, every macro of the project standing for one expression.

    >>> render("select cast(a as {{ dbt.type_string() }}) from {{ ref('stg_x__y') }}")
    'select cast(a as string) from stg_x__y'
    """
    text = _environment().from_string(source).render()
    text = re.sub(rf"(\bas\s+|::\s*){NEUTRAL}(?=\s*\))|(?<=::){NEUTRAL}\b", lambda m: (m[1] or "") + "string", text)
    return re.sub(rf"\A\s*{NEUTRAL}(?=\s+(select|with)\b)", "", text, flags=re.IGNORECASE)


# --- the ban ----------------------------------------------------------------------------------------------------


def _word(token: Token | None) -> str:
    """The token as a lower-case word, '' when it is a string, a quoted name or nothing."""
    if token is None or token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
        return ""
    return token.text.lower()


class _Tokens:
    """The tokens of one model with their brackets matched."""

    def __init__(self, sql: str) -> None:
        self.all = sqlglot.tokenize(sql, read="duckdb")
        self.partner: dict[int, int] = {}
        self.enclosing: list[int | None] = []
        open_: list[int] = []
        for i, token in enumerate(self.all):
            if token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET) and open_:
                start = open_.pop()
                self.partner[start], self.partner[i] = i, start
            self.enclosing.append(open_[-1] if open_ else None)
            if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET):
                open_.append(i)

    def at(self, i: int) -> Token | None:
        return self.all[i] if 0 <= i < len(self.all) else None

    def word(self, i: int) -> str:
        return _word(self.at(i))

    def is_(self, i: int, *types: TokenType) -> bool:
        token = self.at(i)
        return token is not None and token.token_type in types

    def function(self, i: int) -> str:
        """The function that the token calls, '' when it calls none."""
        word = self.word(i)
        named = word.isidentifier() and word not in NOT_A_FUNCTION and self.is_(i + 1, TokenType.L_PAREN)
        return word if named else ""

    def called_around(self, i: int) -> str:
        """The function in whose argument list the token stands."""
        start = self.enclosing[i]
        return self.function(start - 1) if start else ""

    def operand_before(self, i: int) -> range:
        """The tokens of the primary expressions multiplied or divided, to the left of an operator."""
        j = i - 1
        while j >= 0:
            if self.is_(j, TokenType.R_PAREN, TokenType.R_BRACKET):
                j = self.partner.get(j, 0)
                if self.function(j - 1):
                    j -= 1
            if self.is_(j - 1, TokenType.DOT, TokenType.DCOLON, TokenType.STAR, TokenType.SLASH):
                j -= 2
            elif self.is_(j, TokenType.L_BRACKET):
                j -= 1
            else:
                break
        return range(max(j, 0), i)

    def operand_after(self, i: int) -> range:
        """The tokens of the primary expression to the right of an operator."""
        j = i + 1
        while j < len(self.all):
            if self.is_(j, TokenType.L_PAREN, TokenType.L_BRACKET):
                j = self.partner.get(j, len(self.all) - 1)
            if self.is_(j + 1, TokenType.DOT, TokenType.DCOLON):
                j += 2
            elif self.is_(j + 1, TokenType.L_PAREN, TokenType.L_BRACKET) or self.is_(j, TokenType.DASH):
                j += 1
            else:
                break
        return range(i + 1, min(j + 1, len(self.all)))

    def fractional(self, span: range) -> bool:
        """Whether something in the expression makes its value a fraction for sure, or a macro decides."""
        for i in span:
            token, word = self.all[i], self.word(i)
            if token.token_type is TokenType.NUMBER and re.search(r"[.eE]", token.text):
                return True
            if word in FRACTIONAL_TYPES or self.function(i) in FRACTIONAL_FUNCTIONS or NEUTRAL in word:
                return True
        return False


Hit = tuple[str, str]


def _brackets(t: _Tokens, i: int) -> Hit | None:
    if not t.is_(i, TokenType.L_BRACKET):
        return None
    before = t.at(i - 1) if i else None
    if before is None or t.partner.get(i) == i + 1:
        return "list literal", f"{t.word(i - 1)}[]" if before else "[]"
    indexed = before.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.IDENTIFIER) or (
        before.text.isidentifier() and _word(before) not in NOT_A_FUNCTION | {"return", "distinct"}
    )
    inside = t.all[i + 1].text if i + 1 < len(t.all) else ""
    return ("list index", f"{before.text}[{inside}") if indexed else ("list literal", f"[{inside}")


def _functions(t: _Tokens, i: int) -> Hit | None:
    name = t.function(i)
    if name == "unnest":
        return "unnest", "unnest(...)"
    if name == "regexp_matches":
        return "regexp_matches", "regexp_matches(...)"
    if name in ENGINE_HASHES:
        return "stored hash", f"{name}(...)"
    if name in MORE_LIST_FUNCTIONS or (name.startswith(("list_", "array_")) and name != "array_agg"):
        return "list function", f"{name}(...)"
    return None


def _star(t: _Tokens, i: int) -> Hit | None:
    starts = t.word(i - 1) in ("select", "distinct", ",", ".") if i else False
    if t.is_(i, TokenType.STAR) and starts and t.word(i + 1) in ("exclude", "replace", "rename"):
        return "star exclude", f"* {t.word(i + 1)}"
    return None


def _union(t: _Tokens, i: int) -> Hit | None:
    if not t.is_(i, TokenType.UNION):
        return None
    j = i + 2 if t.word(i + 1) in ("all", "distinct") else i + 1
    return ("union by name", "union by name") if (t.word(j), t.word(j + 1)) == ("by", "name") else None


def _distinct(t: _Tokens, i: int) -> Hit | None:
    on = t.is_(i, TokenType.DISTINCT) and t.word(i + 1) == "on" and t.is_(i + 2, TokenType.L_PAREN)
    return ("distinct on", "distinct on (...)") if on else None


def _ordered_aggregate(t: _Tokens, i: int) -> Hit | None:
    name = t.called_around(i) if t.is_(i, TokenType.ORDER_BY) else ""
    start = t.enclosing[i]
    subquery = start is not None and t.word(start + 1) in ("select", "with", "from")
    return ("ordered aggregate", f"{name}(... order by ...)") if name and not subquery else None


def _quoted(t: _Tokens, i: int) -> Hit | None:
    return ("double-quoted name", f'"{t.all[i].text}"') if t.is_(i, TokenType.IDENTIFIER) else None


def _string_type(t: _Tokens, i: int) -> Hit | None:
    if t.word(i) not in STRING_TYPES:
        return None
    cast = t.word(i - 1) == "as" and t.called_around(i) in ("cast", "try_cast")
    return ("string type", t.word(i)) if cast or t.is_(i - 1, TokenType.DCOLON) else None


def _lateral_values(t: _Tokens, i: int) -> Hit | None:
    if not (t.is_(i, TokenType.VALUES) and t.is_(i - 1, TokenType.L_PAREN)):
        return None
    span = range(i + 1, t.partner.get(i - 1, len(t.all)))
    columns = [
        t.all[j].text
        for j in span
        if t.is_(j, TokenType.VAR)
        and not t.function(j)
        and NEUTRAL not in t.word(j)
        and not t.is_(j - 1, TokenType.ALIAS)
    ]
    if t.word(i - 2) == "lateral" or columns:
        return "lateral values", f"values ({', '.join(columns[:3]) or '...'})"
    return None


def _division(t: _Tokens, i: int) -> Hit | None:
    if t.is_(i, TokenType.DIV):
        return "integer division", t.all[i].text
    if not t.is_(i, TokenType.SLASH) or t.fractional(t.operand_before(i)) or t.fractional(t.operand_after(i)):
        return None
    return "integer division", f"{t.all[i - 1].text} / {t.all[i + 1].text if i + 1 < len(t.all) else ''}"


RULES: tuple[Callable[[_Tokens, int], Hit | None], ...] = (
    _brackets, _functions, _star, _union, _distinct, _ordered_aggregate, _quoted, _string_type, _lateral_values,
    _division,
)  # fmt: skip


def banned(source: str, path: str = "<sql>") -> list[Finding]:
    """The banned constructs that stand in the model itself."""
    try:
        tokens = _Tokens(mask(source))
    except jinja2.TemplateSyntaxError as error:
        return [Finding(path, error.lineno, "jinja", str(error.message))]
    except TokenError as error:
        return [Finding(path, 1, "parse", str(error).splitlines()[0])]
    found = []
    for i, token in enumerate(tokens.all):
        for rule in RULES:
            if hit := rule(tokens, i):
                found.append(Finding(path, token.line, *hit))
    return found


# --- the parse --------------------------------------------------------------------------------------------------


def unparseable(source: str, path: str = "<sql>") -> list[Finding]:
    """What Spark's grammar does not take."""
    try:
        sql = render(source)
    except jinja2.TemplateSyntaxError as error:
        return [Finding(path, error.lineno, "jinja", str(error.message))]
    except Exception as error:  # whatever a template may do with a stand-in
        return [Finding(path, 1, "jinja", f"{type(error).__name__}: {error}")]
    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns where it gives up; that is reported below
    try:
        statements = [s for s in sqlglot.parse(sql, read="spark", error_level=ErrorLevel.RAISE) if s is not None]
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        line = first.get("line") or 1
        near = f" near {first['highlight']!r}" if first.get("highlight") else ""
        return [Finding(path, line, "parse", f"{first.get('description') or error}{near}")]
    except TokenError as error:
        return [Finding(path, 1, "parse", str(error).splitlines()[0])]
    finally:
        log.setLevel(level)
    if len(statements) > 1:
        return [Finding(path, 1, "parse", f"{len(statements)} statements in one model")]
    if any(isinstance(s, exp.Command) for s in statements):
        return [Finding(path, 1, "parse", "not a statement that Spark's grammar knows")]
    return []


# --- files ------------------------------------------------------------------------------------------------------


def lint(source: str, path: str = "<sql>") -> list[Finding]:
    """Everything found in one model, in the order of its lines."""
    return sorted({*banned(source, path), *unparseable(source, path)})


def sql_files(path: Path) -> list[Path]:
    """The file itself, or all SQL files below the folder, in a fixed order."""
    return [path] if path.is_file() else sorted(path.rglob("*.sql"))


def lint_path(path: Path) -> list[Finding]:
    """Everything found in the SQL files at or below the path."""
    return [finding for file in sql_files(path) for finding in lint(file.read_text(encoding="utf-8"), str(file))]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is found; the exit status."""
    named = [Path(a) for a in (sys.argv[1:] if argv is None else argv)]
    if {"-h", "--help"} & {str(p) for p in named}:
        print(__doc__)
        return 0
    if absent := [p for p in named if not p.exists()]:
        print(f"no such file or folder: {', '.join(map(str, absent))}", file=sys.stderr)
        return 2
    paths = named or [MODELS]
    findings = [finding for path in paths for finding in lint_path(path)]
    for finding in findings:
        print(finding)
    files = sum(len(sql_files(path)) for path in paths)
    print(f"Spark lint: {files} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
