"""What a process must not load before somebody needs it."""

import subprocess
import sys


def test_the_pdf_writer_is_loaded_by_the_first_document_only() -> None:
    loaded = "import sys, cds_auth.app; print(*(name for name in ('fpdf', 'numpy', 'fontTools') if name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout == "\n"
