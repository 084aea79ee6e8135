"""How does a Rust source hold variants of itself, each behind a number?

A variant of an expression stands beside it: `(if is(7) { a || b } else { a && b })`. A variant of a
function's body, or of what it returns, is a block at its beginning that returns. One variant at most is
alive in a process, so within the text of a variant all others are left out.
"""

import re
from dataclasses import dataclass, field

import tree_sitter_rust
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_rust.language()))


# The expressions whose text a mutant changes, by its genre.
EXPRESSIONS = {
    "BinaryOperator": ("binary_expression", "compound_assignment_expr"),
    "UnaryOperator": ("unary_expression",),
    "StructField": ("struct_expression",),
}


@dataclass
class Place:
    """Variants of one part of a source, in bytes."""

    start: int
    end: int
    # What stands there instead, by the variant's number.
    instead: dict[int, str] = field(default_factory=dict)
    # `expression`; `function`: where its body begins; `arm`: the end of a pattern that has no guard;
    # `arm guard`: the guard of an arm that may be missing.
    kind: str = "expression"


@dataclass
class Written:
    """Where the text of a variant stands in a file that was written, in bytes."""

    number: int
    start: int
    end: int


class Unplaced(Exception):
    """The source has no part that a variant could stand beside."""


class Source:
    """A source, and where its variants belong."""

    def __init__(self, text: str):
        self.text = text.encode()
        self.root = PARSER.parse(self.text).root_node
        self.lines = [0]
        for line in text.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line.encode()))

    def offset(self, position: dict) -> int:
        begin = self.lines[position["line"] - 1]
        line = self.text[begin : self.lines[position["line"]]].decode()
        return begin + len(line[: position["column"] - 1].encode())

    def smallest(self, start: int, end: int) -> Node:
        node = self.root.descendant_for_byte_range(start, end)
        if node is None:
            raise Unplaced
        return node

    def above(self, node: Node | None, *kinds: str) -> Node:
        while node is not None and node.type not in kinds:
            node = node.parent
        if node is None:
            raise Unplaced
        return node

    def changed(self, number: int, find: str, replace: str) -> Place:
        """A variant in which a text within a function is another one."""
        start = self.text.index(find.encode())
        end = start + len(find.encode())
        function = self.above(self.smallest(start, end), "function_item")
        body = function.child_by_field_name("body")
        if body is None or start <= body.start_byte or body.end_byte <= end:
            raise Unplaced
        before = self.text[body.start_byte : start].decode()
        after = self.text[end : body.end_byte].decode()
        begin = body.start_byte + 1
        return Place(begin, begin, {number: before + replace + after}, "function")

    def mutated(self, number: int, mutant: dict) -> Place:
        """A mutant as `cargo mutants --list --json` describes it."""
        start, end, instead = self.edit(mutant)
        match mutant["genre"]:
            case "FnValue":
                return Place(start, start, {number: instead}, "function")
            case "MatchArmGuard":
                return Place(start, end, {number: instead})
            case "MatchArm":
                arm = self.above(self.smallest(start, end - 1), "match_arm")
                while arm.start_byte != start:
                    arm = self.above(arm.parent, "match_arm")
                pattern = arm.child_by_field_name("pattern")
                if pattern is None:
                    raise Unplaced
                guard = pattern.child_by_field_name("condition")
                if guard is None:
                    return Place(pattern.end_byte, pattern.end_byte, {number: ""}, "arm")
                return Place(guard.start_byte, guard.end_byte, {number: ""}, "arm guard")
        if mutant["genre"] not in EXPRESSIONS:
            raise Unplaced
        node = self.above(self.smallest(start, end), *EXPRESSIONS[mutant["genre"]])
        before = self.text[node.start_byte : start].decode()
        after = self.text[end : node.end_byte].decode()
        return Place(node.start_byte, node.end_byte, {number: before + instead + after})

    def edit(self, mutant: dict) -> tuple[int, int, str]:
        """What `cargo mutants` itself does: from where to where the text becomes another one."""
        start, end = (self.offset(mutant["span"][key]) for key in ("start", "end"))
        if mutant["genre"] == "StructField":
            rest = self.text[end:].decode()
            end += len(rest.encode()) - len(rest.lstrip().removeprefix(",").encode())
        return start, end, mutant["replacement"]


def merged(places: list[Place]) -> list[Place]:
    """One place for all variants of the same part, the outer ones first."""
    by_span: dict[tuple, Place] = {}
    for place in places:
        key = (place.start, place.end, place.kind)
        by_span.setdefault(key, Place(*key[:2], {}, place.kind)).instead.update(place.instead)
    # A function's beginning is before its first expression; at the same span, deleting an arm is around
    # replacing its guard.
    def order(place: Place) -> tuple:
        return (place.start, place.kind != "function", -place.end, place.kind != "arm guard")

    return sorted(by_span.values(), key=order)


def rewritten(source: Source, places: list[Place], check: str) -> tuple[str, list[Written]]:
    """The source with all places, and where each variant stands in it. `check` is the path of the
    function that says whether a number is that of the variant that is alive."""
    out = bytearray()
    written: list[Written] = []

    def say(text: str):
        out.extend(text.encode())

    def original(start: int, end: int, inner: list[Place]):
        at = start
        rest = list(inner)
        while rest:
            place = rest.pop(0)
            inside = []
            while rest and rest[0].end <= place.end and rest[0].start < max(place.end, place.start + 1):
                inside.append(rest.pop(0))
            out.extend(source.text[at : place.start])
            emit(place, inside)
            at = place.end
        out.extend(source.text[at:end])

    def emit(place: Place, inside: list[Place]):
        match place.kind:
            case "function":
                for number, text in place.instead.items():
                    begin = len(out)
                    say(f"if {check}({number}) {{ return {text}; }} ")
                    written.append(Written(number, begin, len(out)))
                original(place.start, place.end, inside)
            case "arm":
                for number in place.instead:
                    begin = len(out)
                    say(f" if !{check}({number})")
                    written.append(Written(number, begin, len(out)))
            case "arm guard":
                (number,) = place.instead
                begin = len(out)
                guard = source.text[place.start : place.end].decode()
                say(f"!{check}({number}) && ")
                written.append(Written(number, begin, len(out)))
                has_let = re.search(r"\blet\b", guard) is not None
                say("" if has_let else "(")
                original(place.start, place.end, inside)
                say("" if has_let else ")")
            case _:
                say("(")
                for number, text in place.instead.items():
                    begin = len(out)
                    say(f"if {check}({number}) {{ {text} }}")
                    written.append(Written(number, begin, len(out)))
                    say(" else ")
                say("{ ")
                original(place.start, place.end, inside)
                say(" })")

    original(0, len(source.text), merged(places))
    return out.decode(), written
