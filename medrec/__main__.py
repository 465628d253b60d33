"""``python -m medrec`` is the command ``medrec``."""

import sys

from medrec.cli import main

sys.exit(main())
