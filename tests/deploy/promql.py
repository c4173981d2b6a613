"""Takes PromQL apart, as far as needed to know what series it asks for."""

import re

_TOKEN = re.compile(r"""
    (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<range>\[[^\]]*\])
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?)
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<match>=~|!~|!=|==|>=|<=|=)
  | (?P<sign>[-+*/%^<>(){},@])
  | (?P<space>\s+)
""", re.X)
_OPERATORS = {"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"}
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}


def tokens(text):
    at, found = 0, []
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise ValueError(f"no PromQL at: {text[at:at + 30]}")
        if match.lastgroup != "space":
            found.append((match.lastgroup, match[0]))
        at = match.end()
    return found


def selectors(text):
    """The (name, [(label, match, value)]) of every series selector, and the
    labels that results are grouped by."""
    found, grouped, rest = [], set(), tokens(text)
    while rest:
        kind, word = rest.pop(0)
        if kind != "name" or word.lower() in _OPERATORS:
            continue
        following = rest[0][1] if rest else ""
        if word in _GROUPING:
            if following == "(":
                end = rest.index(("sign", ")"))
                grouped |= {w for k, w in rest[:end] if k == "name"}
                del rest[:end + 1]
        elif following == "{":
            end = rest.index(("sign", "}"))
            found.append((word, _labels(rest[1:end])))
            del rest[:end + 1]
        elif following != "(" and not _is_aggregation(word, following):
            found.append((word, []))
    return found, grouped


def _is_aggregation(word, following):
    return following in ("by", "without") and word in (
        "sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile")


def _labels(inside):
    inside = [token for token in inside if token != ("sign", ",")]
    if len(inside) % 3:
        raise ValueError(f"no labels: {inside}")
    return [(inside[i][1], inside[i + 1][1], inside[i + 2][1][1:-1])
            for i in range(0, len(inside), 3)]
