"""What can go wrong in the shop, in five words.

A function of orderlib does all of its work, or it does nothing and raises one of these.
"""


class OrderlibError(Exception):
    """The parent of the five: `except OrderlibError` catches them all."""


class InvalidInput(OrderlibError):
    """Something that was given breaks a rule.

    `problems` says what, field by field: `{"items.1.quantity": "must be at least 1"}`.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "; ".join(f"{field} {message}" for field, message in self.problems.items())


class NotFound(OrderlibError):
    """There is no row with that id."""


class Conflict(OrderlibError):
    """What is already stored forbids it: a duplicate, an impossible move, a row still needed."""


class Busy(OrderlibError):
    """Someone else is changing the same rows. Nothing happened: try again."""


class DatabaseUnavailable(OrderlibError):
    """PostgreSQL cannot be used: the message says what was tried, and what to do."""
