"""Log entries straight to JSON, with just the fields a subscription selects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLResolveInfo,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    get_directive_values,
)

from tui.demo.clock import rfc3339
from tui.demo.railway import words
from tui.demo.scripts import Line
from tui.demo.traffic import Request
from tui.demo.world import World

Info = GraphQLResolveInfo[Any]


@dataclass(frozen=True, slots=True)
class Field:
    key: str  # as it is to be called in the answer
    name: str
    fields: tuple[Field, ...] = ()


def selected(info: Info) -> tuple[Field, ...]:
    """What is selected of each entry of the list that the field resolves to."""
    return _fields([node.selection_set for node in info.field_nodes], info)


def _fields(sets: Sequence[SelectionSetNode | None], info: Info) -> tuple[Field, ...]:
    found: dict[str, list[FieldNode]] = {}
    for node in _flat(sets, info):
        key = node.alias.value if node.alias else node.name.value
        found.setdefault(key, []).append(node)
    return tuple(
        Field(key, nodes[0].name.value, _fields([node.selection_set for node in nodes], info))
        for key, nodes in found.items()
    )


def _flat(sets: Sequence[SelectionSetNode | None], info: Info) -> Iterator[FieldNode]:
    for selection in (node for one in sets if one is not None for node in one.selections):
        if not _wanted(selection, info):
            continue
        match selection:
            case FieldNode():
                yield selection
            case InlineFragmentNode():
                yield from _flat([selection.selection_set], info)
            case FragmentSpreadNode():
                fragment: Any = info.fragments[selection.name.value]
                yield from _flat([getattr(fragment, "definition", fragment).selection_set], info)


def _wanted(node: SelectionNode, info: Info) -> bool:
    skip = get_directive_values(GraphQLSkipDirective, node, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, node, info.variable_values)
    return not (skip and skip["if"]) and (include is None or bool(include["if"]))


def line_renderer(world: World, info: Info) -> Callable[[Line], str]:
    parts = [(f"{quote(field.key)}:", _line_part(world, field)) for field in selected(info)]

    def render(line: Line) -> str:
        return "{" + ",".join([key + write(line) for key, write in parts]) + "}"

    return render


def _line_part(world: World, field: Field) -> Callable[[Line], str]:
    match field.name:
        case "timestamp":
            return lambda line: f'"{rfc3339(line.at)}"'
        case "message":
            return lambda line: quote(line.text)
        case "severity":
            return lambda line: "null" if (found := words.severity(line)) is None else quote(found)
        case "attributes":
            return _attributes_part(field.fields)
        case "tags":
            return _tags_part(world, field.fields)
    return lambda _line: '"Log"'


def _attributes_part(fields: Sequence[Field]) -> Callable[[Line], str]:
    plain: dict[str, str] = {}  # by level, of lines without other attributes

    def render(pairs: list[tuple[str, str]]) -> str:
        rows = [{"key": key, "value": value, "__typename": "LogAttribute"} for key, value in pairs]
        return json.dumps([_projected(row, fields) for row in rows])

    def write(line: Line) -> str:
        if line.attributes:
            return render(words.log_attributes(line))
        if (known := plain.get(line.level)) is None:
            known = plain[line.level] = render(words.log_attributes(line))
        return known

    return write


def _tags_part(world: World, fields: Sequence[Field]) -> Callable[[Line], str]:
    known: dict[tuple[str, str], str] = {}

    def write(line: Line) -> str:
        which = (line.owner, line.instance)
        if (found := known.get(which)) is None:
            tags = words.tags(world.deployment(line.owner), line.instance)
            found = known[which] = json.dumps(_projected({**tags, "__typename": "LogTags"}, fields))
        return found

    return write


def request_renderer(info: Info) -> Callable[[Request], str]:
    fields = selected(info)
    return lambda request: json.dumps(_projected({**words.http_log(request), "__typename": "HttpLog"}, fields))


def _projected(row: Mapping[str, object], fields: Sequence[Field]) -> dict[str, object]:
    return {field.key: row[field.name] for field in fields}
