"""What must hold for this service whatever it grows into."""

from pathlib import Path

from cds_auth.api.problems import PROBLEMS
from cds_auth.app import create_app
from cds_auth.persistence.tables import Base
from cds_auth.settings import Settings
from cds_common.testing import service_suite

SERVICE = Path(__file__).parents[1]


class TestSkeleton(service_suite.ServiceSuite):
    service_dir = SERVICE
    settings_type = Settings
    create_app = staticmethod(create_app)
    metadata = Base.metadata
    problems = PROBLEMS
