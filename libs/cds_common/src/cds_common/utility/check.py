"""`python -m cds_common.utility.check config/utility.yaml`: says what is wrong with the file, by line; exit code 1 if anything is."""

import sys
from pathlib import Path

from cds_common.utility.loader import UtilityError, load_utility


def main(arguments: list[str]) -> int:
    """Check each file named."""
    failed = False
    for name in arguments:
        try:
            utility = load_utility(Path(name))
        except UtilityError as error:
            failed = True
            sys.stderr.write(f"{error}\n")
        else:
            sys.stdout.write(f"{name}: {utility.name}, {len(utility.scopes)} scopes, {len(utility.value_formats)} value formats\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
