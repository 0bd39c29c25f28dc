"""Why a verb was not carried out.

WorkflowError
├── Refused       a rule forbids it, whatever one waits for     → 403
├── Stale         somebody, or the portal, was first            → 409
├── Invalid       the content breaks a rule                     → 422
└── AlreadyFiled  the same person has just filed the same       → go to that request
"""

from trunks.models import TrunkRequest

Problems = dict[str, list[str]]
"""Form field name (`reason`, `lines-0-dnis`, `__all__` …) to the sentences that belong beside it."""


def distinct(problems: Problems) -> list[str]:
    """Return the sentences of `problems` without their fields, each once, in their order."""
    return list(dict.fromkeys(sentence for sentences in problems.values() for sentence in sentences))


class WorkflowError(Exception):
    """Nothing was changed; `reason` says why in words for the person who tried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(WorkflowError):
    """A rule forbids it; `who` names those who could do it instead, where somebody could."""

    def __init__(self, reason: str, *, who: str = "") -> None:
        super().__init__(reason)
        self.who = who


class Stale(WorkflowError):
    """The page showed a version that is no longer the present one."""


class Invalid(WorkflowError):
    """The content breaks rules; `problems` holds all of them at once."""

    def __init__(self, problems: Problems) -> None:
        super().__init__(" ".join(sentence for sentences in problems.values() for sentence in sentences))
        self.problems = problems


class AlreadyFiled(WorkflowError):
    """The same content by the same person is already waiting (a double click, or a page sent again)."""

    def __init__(self, trunk_request: TrunkRequest) -> None:
        super().__init__(f"You have already filed exactly this: {trunk_request.reference}.")
        self.trunk_request = trunk_request
