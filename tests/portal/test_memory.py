"""What a web server's process has loaded at its start, and what its garbage collector looks at."""

import subprocess

from tests.processes import PYTHON, ROOT

LOOK = """
import gc, sys
import portal.wsgi
print("trunks.views.audit" in sys.modules, gc.get_freeze_count() > 10 * len(gc.get_objects()), gc.get_threshold()[0])
"""


def test_pages_are_loaded_before_the_first_request_and_left_out_of_collections() -> None:
    said = subprocess.run([PYTHON, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["True", "True", "10000"]
