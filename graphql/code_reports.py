"""What both sides see of a report of a bad code."""

from enum import Enum

from keystall.graphql.describing import enum_type, value


@enum_type
class CodeReportReason(Enum):
    """What is wrong with a code."""

    INVALID = value("invalid", "It is not accepted.")
    USED = value("used", "It was used already.")
    OTHER = value("other", "Something else, which the note tells.")


@enum_type
class CodeReportStatus(Enum):
    """What became of a report."""

    OPEN = value("open", "It waits for the merchant's answer.")
    REPLACED = value("replaced", "Another code was given in its place.")
    REFUNDED = value("refunded", "Its price goes back.")
    REJECTED = value("rejected", "The merchant answered with words alone.")
