"""Run one system once: the job comes as JSON on the command line."""

import sys
from importlib import import_module

import msgspec

from load_tests.job import Job, keep_reports_apart

keep_reports_apart()
job = msgspec.json.decode(sys.argv[1], type=Job)
import_module(f"load_tests.systems.{job.system}").run(job)
