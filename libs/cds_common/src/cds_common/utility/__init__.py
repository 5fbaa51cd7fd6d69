"""The utility's one declarative file (`config/utility.yaml`): who it is, what it offers, and the wire objects made from it."""

from cds_common.utility.loader import UtilityError, load_utility
from cds_common.utility.models import InviteCode, Utility, ValueFormat

__all__ = ["InviteCode", "Utility", "UtilityError", "ValueFormat", "load_utility"]
