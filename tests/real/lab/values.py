"""What PowerShell computes with, as far as we print it: objects, what is true, what is equal, what stands in a string.

It exists so that the evaluator is about the tree alone. It refuses (`Unknown`) what PowerShell would quietly take for nothing: a
property that a thing does not have, or two things that are never equal.
"""


class Unknown(AssertionError):
    """What we print is not what this knows."""


class Refused(Exception):
    """PowerShell, or the tenant, says no."""


class Absent(Refused):
    """What is named is not there."""


class Already(Refused):
    """It is so already."""


class Nothing:
    """What a command leaves that has no output: no element of a pipeline, where `$null` is one. As a value it is `$null`."""

    def __bool__(self):
        return False


NOTHING = Nothing()


def scalar(value):
    """As a parameter, or beside an operator."""
    return None if value is NOTHING else value


class Thing:
    """An object with the properties that its kind has, whichever way they are spelled."""

    def __init__(self, kind, **properties):
        self.kind, self.properties = kind, properties

    def spelled(self, name):
        found = next((known for known in self.properties if known.lower() == name.lower()), None)
        if found is None:
            raise Unknown(f"{self.kind} has no property {name}")
        return found

    def __getattr__(self, name):
        if name.startswith("_") or name in ("kind", "properties"):
            raise AttributeError(name)
        return self.of(name)

    def of(self, name):
        return self.properties[self.spelled(name)]

    def only(self, *names):
        """As a command shows it that shows no more."""
        return Thing(self.kind, **{name: self.of(name) for name in names})

    def set(self, name, value):
        """Whether that changed it."""
        name = self.spelled(name)
        changed = self.properties[name] != value
        self.properties[name] = value
        return changed

    def __eq__(self, other):
        return isinstance(other, Thing) and (self.kind, self.properties) == (other.kind, other.properties)

    __hash__ = object.__hash__

    def __repr__(self):
        return f"{self.kind} {self.properties}"


def listed(value):
    """What a pipeline makes of a value."""
    return value if isinstance(value, list) else [] if value is NOTHING else [value]


def single(stream):
    """What a variable gets of a pipeline."""
    return NOTHING if not stream else stream[0] if len(stream) == 1 else stream


def is_true(value):
    if isinstance(value, list):
        return len(value) > 1 or any(is_true(one) for one in value)
    return bool(value)


def shown(value):
    """As it stands in a string."""
    if isinstance(value, bool | int | str):
        return str(value)
    if isinstance(value, list):
        return " ".join(map(shown, value))
    raise Unknown(f"in a string it is not itself: {value!r}")


def equal(left, right):
    left, right = scalar(left), scalar(right)
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if None in (left, right) or type(left) is type(right) and isinstance(left, bool | int):
        return left is right or left == right
    raise Unknown(f"{left!r} beside {right!r}")


COMPARED = {
    "-eq": equal,
    "-ne": lambda left, right: not equal(left, right),
    "-in": lambda left, right: any(equal(left, one) for one in listed(right)),
    "-notin": lambda left, right: not any(equal(left, one) for one in listed(right)),
    "-join": lambda left, right: right.join(map(shown, listed(left))),
    "-and": lambda left, right: is_true(left) and is_true(right),
    "-or": lambda left, right: is_true(left) or is_true(right),
}
ALONE = {"-not": lambda value: not is_true(value), "-split": lambda value: value.split()}


def added(left, right):
    if isinstance(left, list) and right is not NOTHING:
        return left + listed(right)
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    raise Unknown(f"{left!r} + {right!r}")
