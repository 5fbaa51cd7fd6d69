"""A stand-in for a worker: it answers on its health port, or ends at once with words when told so."""

import os
import sys

import uvicorn

from cds_usage.app import create_app

if __name__ == "__main__":
    if "STANDIN_CRASH" in os.environ:
        sys.exit("the stand-in's last words")
    uvicorn.run(create_app(), host="127.0.0.1", port=int(os.environ["CDS_USAGE_WORKER_HEALTH_PORT"]), log_level="warning")
