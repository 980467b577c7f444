"""An evaluator of the part of PowerShell that Gatepost prints, over the tree of a grammar of PowerShell.

It exists because a person pastes what we print, and a command that parses may still be in the wrong order, lack a value or name a
variable that nobody set. PowerShell itself is not run: what this shows is that the text does what it claims by our reading of
Microsoft's reference. It refuses (`Unknown`) whatever it does not know, a property that a thing does not have and a variable that
was never set included, which PowerShell would take for nothing and go on.
"""

import base64
import re
import sys
import tomllib
from pathlib import Path

REAL = Path(__file__).resolve().parent.parent
sys.path.append(str(REAL / "clients" / "built" / "powershell"))
import tree_sitter  # noqa: E402
import tree_sitter_powershell  # noqa: E402

from .source import as_read, written  # noqa: E402
from .values import (  # noqa: E402
    ALONE, COMPARED, NOTHING, Absent, Already, Refused, Thing, Unknown, added, is_true, listed, scalar, shown, single,
)

MODULES = tomllib.loads((REAL.parent / "corpus" / "cmdlets.toml").read_text())
OF_ALL = MODULES.pop("all")["parameters"]
# Each with its parameters as the reference has them.
CMDLETS = {name: takes for module in MODULES.values() for name, takes in module.items()}
MODULE_OF = {name: module for module, cmdlets in MODULES.items() for name in cmdlets}
SIZES = {"KB": 2**10, "MB": 2**20, "GB": 2**30}
OF_PIPELINES = ("Select-Object", "ForEach-Object", "Where-Object", "Format-List", "Format-Table")
# Made of scripts: what they export does not see the preferences of the script that calls it (PowerShell#4568, autorest.powershell#846).
OF_SCRIPTS = re.compile(r"exchangepowershell|microsoft\.graph\.(?!authentication)")
# PowerShell's own, which nobody can set, or that mean something else.
RESERVED = "_ args error executioncontext false foreach home host input matches myinvocation pid profile pshome psitem psversiontable shellid this true".split()


def parsed(text):
    """Its tree, with what it is of."""
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language())).parse(as_read(text).encode()).root_node


def within(node):
    yield node
    for child in node.children:
        yield from within(child)


def errors(text):
    """Where the grammar fails, with what stands there."""
    return [(node.start_point.row + 1, words(node)[:120]) for node in within(parsed(text)) if node.is_error or node.is_missing]


def bare(parameter):
    """Of `"Identity!"`, as it is compared."""
    return parameter.rstrip("!?").lower()


def words(node):
    return written(node.text.decode())


def unquoted(text):
    return text[1:-1].replace("''", "'")


def lacks_a_value(value):
    """Itself, or a part of it."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value in (None, "") or any(map(lacks_a_value, parts))


# What calls itself an expression and has another one within, level by level.
LEVELS = re.compile(r"(logical|bitwise|comparison|additive|multiplicative|format|range)_(argument_)?expression|unary_expression|array_literal_expression")
BARE_WORD = re.compile(r"[\w@.:/\\+=%#?&*!~^-]+")


class Shell:
    """One window. `tenant` has a `perform(cmdlet, parameters)`, which answers with a list."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.variables = {"true": True, "false": False, "null": None}
        self.screen, self.warnings, self.errors = [], [], []

    def run(self, text):
        """Everything of a text. What it leaves on the screen is the answer; an error that stopped nothing is told at its end."""
        if wrong := errors(text):
            raise Unknown(f"no PowerShell: {wrong}")
        began, self.errors = len(self.screen), []
        for child in parsed(text).named_children:
            self.screen += self.statement(child)
        if self.errors:
            raise self.errors[0]
        return self.screen[began:]

    # Statements: each leaves a stream of values.

    def statement(self, node):
        handlers = {
            "pipeline": self.pipeline, "if_statement": self.branch, "foreach_statement": self.loop,
            "comment": lambda _: [], "empty_statement": lambda _: [],
        }
        if node.type in ("statement_list", "script_block", "script_block_body", "statement_block"):
            return [value for child in node.named_children for value in self.statement(child)]
        if node.type not in handlers:
            raise Unknown(f"{node.type}: {words(node)}")
        return handlers[node.type](node)

    def branch(self, node):
        kinds = [child.type for child in node.children]
        if kinds[:5] != ["if", "(", "pipeline", ")", "statement_block"] or kinds[5:] not in ([], ["else_clause"]):
            raise Unknown(words(node))
        if is_true(self.of_pipeline(node.children[2])):
            return self.statement(node.children[4])
        return [] if not kinds[5:] else self.statement(node.children[5].named_children[0])

    def loop(self, node):
        variable, over, block = (child for child in node.named_children if child.type != "comment")
        stream, values = [], self.of_pipeline(over)
        for one in [] if values is None else listed(values):  # over `$null` it does not run once
            self.put(self.named(variable), one)
            stream += self.statement(block)
        return stream

    def pipeline(self, node):
        (child,) = node.named_children
        if child.type == "assignment_expression":
            return self.assign(child)
        return self.chain(child)

    def of_pipeline(self, node):
        """The value of what stands in brackets or behind `=`: an expression by itself stays as it is."""
        (chain,) = node.named_children
        if chain.type == "pipeline_chain" and len(chain.named_children) == 1 and chain.named_children[0].type != "command":
            return self.value(chain.named_children[0])
        return single(self.pipeline(node))

    def assign(self, node):
        left, operator, right = node.named_children
        if words(operator) != "=" or not re.fullmatch(r"\$\w+", words(left)):
            raise Unknown(words(node))
        self.put(words(left)[1:].lower(), self.of_pipeline(right))
        return []

    def put(self, name, value):
        known = {"erroractionpreference": "Stop", "psdefaultparametervalues": {"*:ErrorAction": "Stop"}}
        if name in RESERVED or name in known and value != known[name]:
            raise Unknown(f"${name} = {value}")
        if name != "null":
            self.variables[name] = value

    def chain(self, node):
        first, *rest = node.named_children
        stream = self.command(first, None) if first.type == "command" else listed(self.value(first))
        for step in rest:
            stream = self.command(step, stream)
        return stream

    # Commands.

    def command(self, node, stream):
        name = words(node.child_by_field_name("command_name"))
        known = next((one for one in CMDLETS if one.lower() == name.lower()), None)
        if known is None:
            raise Unknown(f"there is no {name}")
        parameters, bare_words = self.arguments(node, known)
        if known in OF_PIPELINES:
            return self.on_stream(known, parameters, bare_words, stream or [])
        if stream is not None:
            raise Unknown(f"{name} takes nothing from a pipeline here")
        if known in ("Write-Output", "Write-Warning"):
            (text,) = bare_words
            if known == "Write-Warning":
                self.warnings.append(text)
            return [text] if known == "Write-Output" else []
        return self.perform(known, parameters, bare_words)

    def perform(self, name, parameters, bare_words):
        """A cmdlet that speaks to the tenant."""
        if bare_words:
            if len(bare_words) > 1 or "identity" not in map(bare, CMDLETS[name]) or "Identity" in parameters:
                raise Refused(f"{name}: a positional parameter cannot be found that accepts {bare_words[-1]!r}")
            parameters["Identity"] = bare_words[0]
        lacks = [one for one in CMDLETS[name] if one.endswith("!") and one[:-1] not in parameters]
        if lacks:
            raise Refused(f"{name} asks for {lacks}")
        action = parameters.pop("ErrorAction", None) or self.default_action(name)
        if empty := [parameter for parameter, value in parameters.items() if lacks_a_value(value)]:
            raise Unknown(f"{name}: nothing is in {empty}, and it acts on what nobody named")
        try:
            return self.tenant.perform(name, parameters)
        except Refused as refused:
            if action == "Continue":
                self.errors.append(refused)
            elif action != "SilentlyContinue" or not isinstance(refused, Absent | Already):
                raise
            return []

    def default_action(self, name):
        """Behind an error: a default for the parameter holds for every cmdlet, the preference for those of binary modules."""
        default = self.variables.get("psdefaultparametervalues", {}).get("*:ErrorAction")
        preference = None if OF_SCRIPTS.match(MODULE_OF[name]) else self.variables.get("erroractionpreference")
        return default or preference or "Continue"

    def on_stream(self, name, parameters, bare_words, stream):
        """What works on the pipeline alone."""
        if name == "Select-Object":
            if bare_words or list(parameters) != ["First"]:
                raise Unknown(f"{name} {parameters} {bare_words}")
            return stream[:parameters["First"]]
        if name.startswith("Format-"):
            if len(bare_words) > 1:
                raise Refused(f"{name}: a positional parameter cannot be found that accepts {bare_words[1]!r}")
            columns = [one for word in bare_words for one in listed(word)]
            return [{column: self.member(one, column) for column in columns} for one in stream]
        first, *more = bare_words
        if name == "Where-Object" and isinstance(first, str):
            if more or len(parameters) != 1:
                raise Unknown(f"{name} {bare_words} {parameters}")
            ((operator, value),) = parameters.items()
            return [one for one in stream if COMPARED[f"-{operator}"](self.member(one, first), value)]
        if more or parameters or not isinstance(first, tree_sitter.Node):
            raise Unknown(f"{name} {bare_words} {parameters}")
        answers = [(one, self.block(first, one)) for one in stream]
        if name == "Where-Object":
            return [one for one, answer in answers if is_true(single(answer))]
        return [value for _, answer in answers for value in answer]

    def block(self, node, value):
        outer = self.variables.get("_")
        self.variables["_"] = value
        try:
            return [one for child in node.named_children for one in self.statement(child)]
        finally:
            self.variables["_"] = outer

    def arguments(self, node, name):
        """The parameters of a command by their names in the reference, and what stands there without one."""
        known = {bare(one): one for one in (*CMDLETS[name], *OF_ALL)}
        parameters, bare_words, waiting = {}, [], None
        for kind, value in [*self.elements(node), ("end", None)]:
            takes_it = waiting and (kind == "colon" or kind == "word" and not waiting.endswith("?"))
            if waiting:
                if not takes_it and not waiting.endswith("?"):
                    raise Refused(f"{name}: missing an argument for parameter {waiting.rstrip('!')}")
                if waiting.rstrip("!?") in parameters:
                    raise Refused(f"{name} has -{waiting.rstrip('!?')} twice")
                parameters[waiting.rstrip("!?")] = scalar(value) if takes_it else True
                waiting = None
            if kind == "word" and not takes_it:
                bare_words.append(value)
            if kind == "parameter" and (waiting := known.get(bare(value))) is None:
                raise Refused(f"{name}: a parameter cannot be found that matches -{value}")
        return parameters, bare_words

    def elements(self, node):
        """What stands behind the name of a command, each with what it is."""
        found, is_colon = [], False
        for child in (element for part in node.named_children if part.type == "command_elements" for element in part.children):
            if child.type == "command_argument_sep":
                is_colon = words(child) == ":"
            elif child.type == "command_parameter":
                found.append(("parameter", words(child)[1:]))
            elif child.type == "generic_token" and words(child).startswith(",") and found:
                kind, value = found.pop()
                found.append((kind, listed(value) + [self.word(part) for part in words(child)[1:].split(",")]))
            else:
                value = self.word(words(child)) if child.type == "generic_token" else self.value(child)
                found.append(("colon" if is_colon else "word", value))
        return found

    def word(self, text):
        """A bare word: a text, unless it is a number."""
        if number := re.fullmatch(r"(\d+)([KMG]B)?", text):
            return int(number[1]) * SIZES.get(number[2], 1)
        if not BARE_WORD.fullmatch(text) or text.startswith("@"):
            raise Unknown(f"not a bare word: {text}")
        return text

    # Expressions: each has one value.

    def value(self, node):
        if LEVELS.fullmatch(node.type):
            return self.level(node)
        handlers = {
            "variable": lambda one: self.variable(one), "string_literal": lambda one: self.string(one.named_children[0]),
            "integer_literal": lambda one: int(words(one)), "parenthesized_expression": lambda one: self.of_pipeline(one.named_children[0]),
            "array_expression": lambda one: [value for child in one.named_children for value in self.statement(child)],
            "hash_literal_expression": self.table, "script_block_expression": lambda one: one, "invokation_expression": self.invoked,
            "member_access": lambda one: self.member(self.value(one.named_children[0]), words(one.named_children[1])),
            "expression_with_unary_operator": lambda one: self.alone(one),
        }
        if node.type not in handlers:
            raise Unknown(f"{node.type}: {words(node)}")
        return handlers[node.type](node)

    def level(self, node):
        if node.type == "array_literal_expression" and len(node.named_children) > 1:
            return [scalar(self.value(child)) for child in node.named_children]
        if node.child_count == 1:
            return self.value(node.children[0])
        left, operator, right = node.children
        if words(operator) == "+":
            return added(self.value(left), self.value(right))
        if words(operator).lower() not in COMPARED:
            raise Unknown(f"the operator {words(operator)}")
        return COMPARED[words(operator).lower()](self.value(left), self.value(right))

    def alone(self, node):
        operator, operand = node.children
        if words(operator).lower() not in ALONE:
            raise Unknown(f"the operator {words(operator)}")
        return ALONE[words(operator).lower()](self.value(operand))

    def named(self, node):
        return words(node).removeprefix("$").lower()

    def variable(self, node):
        if self.named(node) not in self.variables:
            raise Unknown(f"nothing was put into {words(node)}")
        return self.variables[self.named(node)]

    def member(self, value, name):
        if isinstance(value, list):
            found = [one for item in value for one in listed(self.member(item, name))]
            return single(found) if found else None
        if value in (None, NOTHING):
            return None
        if isinstance(value, dict):
            value = Thing("a table", **value)
        if not isinstance(value, Thing):
            raise Unknown(f"{value!r} has no {name}")
        return value.of(name)

    def table(self, node):
        entries = [entry for body in node.named_children for entry in body.named_children]
        return {self.key(words(entry.named_children[0])): scalar(self.of_pipeline(entry.named_children[1])) for entry in entries}

    @staticmethod
    def key(text):
        return unquoted(text) if text.startswith("'") else text

    def invoked(self, node):
        what, method, arguments = node.named_children
        if (words(what), words(method)) != ("[Convert]", "FromBase64String"):
            raise Unknown(words(node))
        return base64.b64decode(self.value(next(one for one in within(arguments) if one.type == "string_literal")), validate=True)

    def string(self, node):
        text = words(node)
        if node.type == "verbatim_string_characters":
            return unquoted(text)
        if node.type != "expandable_string_literal":
            raise Unknown(text)
        made, at, source = "", 1, node.text
        for child in node.named_children:
            begin, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            value = self.variable(child) if child.type == "variable" else single(self.statement(child.named_children[0]))
            if child.type == "variable" and source[end:end + 1] in b".[:":
                raise Unknown(f"in a string that is not what it looks like: {text}")
            made += self.plain(source[at:begin]) + shown(value)
            at = end
        return made + self.plain(source[at:-1])

    def plain(self, part):
        if b"`" in part or b"$" in part or b'"' in part:
            raise Unknown(f"in a string: {part.decode()}")
        return written(part.decode())
