"""GraphQL: documents are prepared once, then run with plain functions as resolvers.

Clients are released often and their documents drift. What this server's schema does not know in a document or in its
variables is left out and told in the log, so that a newer client loses that part and nothing else.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableDefinitionNode,
    Visitor,
    build_schema,
    execute_sync,
    parse,
    specified_rules,
    type_from_ast,
    validate,
    visit,
)

from madang.edges.wandb.resolving import Prepared, Resolver
from madang.errors import InvalidInput, MadangError

log = logging.getLogger("madang.wandb")
LONGEST_DOCUMENT = 256 << 10  # characters
_MOST_TOKENS = 3_000  # the longest document of a client has 240
_MOST_PREPARED = 128  # documents that are remembered; clients have some 60
_MOST_ITEMS = 1_500_000  # fields and items of lists of one answer
_LONGEST = 60.0  # seconds that a query may take; no client waits as long
_RULES = [rule for rule in specified_rules if rule not in (NoUnusedVariablesRule, NoUnusedFragmentsRule)]


class _Asked:
    """A document that is being answered: documents may ask for lists in lists, so what they cost is counted."""

    def __init__(self, call: Any, most: int, until: float, now: Callable[[], float]) -> None:
        self.call = call
        self.is_over = False
        self._left = most
        self._until = until
        self._now = now

    def spend(self, items: int = 1) -> None:
        """Raises `InvalidInput` when it has become too much."""
        self._left -= items
        if self._left < 0 or self._now() > self._until:
            self.is_over = True
            raise InvalidInput("The document asks for too much at once.", hint="Ask for smaller pages.")


class Executor:
    """A schema with resolvers, named ``Type.field``; a field without one is read from its object or mapping."""

    def __init__(
        self,
        sdl: str,
        resolvers: Mapping[str, Resolver],
        kinds: Mapping[str, Resolver] | None = None,
        refusals: Mapping[str, str] | None = None,
        most: int = _MOST_ITEMS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``kinds`` tell the type of a value behind an interface or union: its name, from the value and the call.

        ``refusals`` say of changes that the schema does not have what to do instead.
        """
        self._most, self._now, self._refusals = most, now, refusals or {}
        self.schema = build_schema(sdl)
        for name, resolver in resolvers.items():
            kind, _, field = name.partition(".")
            target = self.schema.type_map[kind]
            assert isinstance(target, GraphQLObjectType), name
            target.fields[field].resolve = _called(resolver, field)
        for name, resolver in (kinds or {}).items():
            self.schema.type_map[name].resolve_type = _kind_of(resolver)  # type: ignore[attr-defined]
        self._prepared = lru_cache(maxsize=_MOST_PREPARED)(self._prepare)

    def run(self, document: str, variables: Mapping[str, Any], operation: str | None, context: Any) -> dict[str, Any]:
        """The answer: ``data`` and, where something failed, ``errors``.

        Raises:
            MadangError: a failure that another try may mend, or of the caller's credential; see `_told`.
        """
        if len(document) > LONGEST_DOCUMENT:
            raise InvalidInput(f"The document has more than {LONGEST_DOCUMENT} characters.")
        prepared = self._prepared(document)
        if isinstance(prepared, list):
            return {"errors": [{"message": message} for message in prepared]}
        asked = _Asked(context, self._most, self._end_of(prepared), self._now)
        result = execute_sync(
            self.schema,
            prepared,
            context_value=asked,
            variable_values=self._known_variables(prepared, variables),
            operation_name=operation,
        )
        if asked.is_over:
            return {"data": None, "errors": [{"message": "The document asks for too much at once."}]}
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_told(error) for error in result.errors]
        return answer

    def _end_of(self, document: DocumentNode) -> float:
        """When a document has taken too long; what changes something is not cut short."""
        operations = [item for item in document.definitions if isinstance(item, OperationDefinitionNode)]
        is_reading = all(item.operation is OperationType.QUERY for item in operations)
        return self._now() + _LONGEST if is_reading else math.inf

    def _prepare(self, document: str) -> DocumentNode | list[str]:
        """The document without what the schema does not know, or why it cannot be run."""
        try:
            parsed = parse(document, no_location=True, max_tokens=_MOST_TOKENS)
        except (GraphQLError, RecursionError) as error:
            return [f"The document cannot be read: {error}"[:1000]]
        if refused := self._not_offered(parsed):
            return [
                f'Cannot query field "{name}" on type "Mutation". {self._refusals.get(name, "It is not offered here.")}'
                for name in refused
            ]
        info = TypeInfo(self.schema)
        unknown = _Unknown(self.schema, info, _strange_fragments(self.schema, parsed))
        known: DocumentNode = visit(parsed, TypeInfoVisitor(info, unknown))
        return [error.message for error in validate(self.schema, known, _RULES)] or known

    def _not_offered(self, document: DocumentNode) -> list[str]:
        """The changes that a document wants and nothing here makes: left out, they would seem to be made."""
        offered = self.schema.mutation_type.fields if self.schema.mutation_type else {}
        fragments = {item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)}
        changes = (
            item
            for item in document.definitions
            if isinstance(item, OperationDefinitionNode) and item.operation is OperationType.MUTATION
        )
        wanted = dict.fromkeys(name for item in changes for name in _fields(item.selection_set, fragments))
        return [name for name in wanted if name not in offered]

    def _known_variables(self, document: DocumentNode, given: Mapping[str, Any]) -> dict[str, Any]:
        found = dict(given)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                for variable in definition.variable_definitions or ():
                    name = variable.variable.name.value
                    if name in found:
                        found[name] = _known(found[name], type_from_ast(self.schema, variable.type))
        return found


def _fields(selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[str]:
    """The names of the fields of a selection, those of its fragments among them; each fragment is read once."""
    for item in selected.selections:
        if isinstance(item, FieldNode):
            yield item.name.value
        elif isinstance(item, InlineFragmentNode):
            yield from _fields(item.selection_set, fragments)
        elif isinstance(item, FragmentSpreadNode) and (fragment := fragments.pop(item.name.value, None)):
            yield from _fields(fragment.selection_set, fragments)


def _strange_fragments(schema: GraphQLSchema, document: DocumentNode) -> set[str]:
    """The names of a document's fragments about types that the schema does not have."""
    return {
        item.name.value
        for item in document.definitions
        if isinstance(item, FragmentDefinitionNode) and item.type_condition.name.value not in schema.type_map
    }


class _Unknown(Visitor):
    """Takes out of a document what the schema does not have; ``fragments`` are those about unknown types."""

    def __init__(self, schema: GraphQLSchema, info: TypeInfo, fragments: Collection[str]) -> None:
        super().__init__()
        self._schema = schema
        self._info = info
        self._fragments = fragments

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        return REMOVE if node.name.value in self._fragments else None

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> Any:
        name = node.name.value
        return self._left_out("type of the fragment", name) if name in self._fragments else None

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        name = node.type_condition.name.value if node.type_condition else None
        return self._left_out("type", name) if name is not None and name not in self._schema.type_map else None

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        if self._info.get_field_def() is None and self._info.get_parent_type() is not None:
            return self._left_out("field", f"{self._info.get_parent_type()}.{node.name.value}")
        return None

    def enter_argument(self, node: Any, *_: Any) -> Any:
        return self._left_out("argument", node.name.value) if self._info.get_argument() is None else None

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> Any:
        return self._left_out("input field", node.name.value) if self._info.get_input_type() is None else None

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        known = type_from_ast(self._schema, node.type)
        return self._left_out("type of the variable", node.variable.name.value) if known is None else None

    @staticmethod
    def _left_out(what: str, name: str) -> Any:
        log.warning("a client's document asks for an unknown %s %s; it is left out", what, name)
        return REMOVE


def _known(value: Any, kind: Any) -> Any:
    """A variable's value without the fields that its type does not have."""
    if isinstance(kind, GraphQLNonNull):
        return _known(value, kind.of_type)
    if isinstance(kind, GraphQLList) and isinstance(value, list):
        return [_known(item, kind.of_type) for item in value]
    if isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
        unknown = value.keys() - kind.fields.keys()
        if unknown:
            log.warning(
                "a client sent unknown fields of %s: %s; they are left out", kind.name, ", ".join(sorted(unknown))
            )
        return {name: _known(item, kind.fields[name].type) for name, item in value.items() if name in kind.fields}
    if isinstance(kind, GraphQLEnumType) and isinstance(value, str) and value not in kind.values:
        log.warning("a client sent the unknown %s %r; it is left out", kind.name, value[:80])
        return None
    return value


def _called(resolver: Resolver, field: str) -> Callable[..., Any]:
    def called(source: Any, info: Any, **arguments: Any) -> Any:
        asked: _Asked = info.context
        asked.spend()
        if isinstance(source, Prepared):
            if field in source.fields:
                return source.fields[field]
            try:
                return source.more(field)
            except KeyError:
                source = source.whole
        found = resolver(source, asked.call, arguments)
        listed = found.get("edges") if type(found) is dict else found
        if type(listed) is list:
            asked.spend(len(listed))
        return found

    return called


def _kind_of(resolver: Resolver) -> Callable[..., Any]:
    return lambda value, info, _kind: resolver(value, info.context.call, {})


def _told(error: GraphQLError) -> dict[str, Any]:
    """One error as clients read it.

    Raises:
        MadangError: what ends the whole request.
    """
    cause = error.original_error
    if isinstance(cause, MadangError):
        if cause.code in ("unavailable", "storage", "unauthenticated", "access-denied"):
            raise cause
    elif isinstance(cause, OSError):
        raise cause
    elif cause is not None and not isinstance(cause, GraphQLError):
        log.error("a resolver failed at %s", error.path, exc_info=cause)
        return {"message": "The server has a defect here; its log says more.", "path": error.path}
    return {"message": error.message, "path": error.path}
