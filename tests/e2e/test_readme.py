"""The tour in README.md does what it says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cds_local.stack import LocalStack

pytestmark = [pytest.mark.slow]
README = Path(__file__).parents[2] / "README.md"


@pytest.mark.skipif(shutil.which("jq") is None or shutil.which("curl") is None, reason="the tour needs curl and jq")
def test_the_tour_runs(stack: LocalStack) -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | {"BASE": stack.public_url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"account_number": "B-310-77"' in done.stdout
    assert f"{stack.public_url}/oauth/authorize?client_id=" in done.stdout
    assert "request_uri=urn:" in done.stdout
