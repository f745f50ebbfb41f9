"""Why something that a person asked for was not done, as their page says it."""

from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.infrastructure.kept_reports import ReportTooLargeError
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.user_errors import UserError

REFUSALS = (UserError, Fault, Conflict, ReportTooLargeError)
"""What is told to the person as it stands; any other exception is a bug, or a fault of AWS."""
FAILED = "It failed, and why was logged. Ask again; if it fails again, use the command."


def why(error: Exception) -> str:
    """Return why it was not done, and what can be done about it."""
    match error:
        case Review():
            return " ".join(f"{each.cause} {each.remedy}" for each in error.problems)
        case Halt():
            return f"{error.problem.cause} {error.problem.remedy}"
        case Later():
            return f"{error.cause} Ask again from {error.until:%Y-%m-%d %H:%M} UTC on."
        case Conflict():
            return "It was changed by somebody else at the same moment. Try again."
        case ReportTooLargeError():
            return "There is too much of it for a page: use the command."
        case _:
            return str(error)
