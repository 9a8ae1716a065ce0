"""moto's server with its Redshift Data API as the service's protocol has it: moments and
`nullable` are numbers, and statements end. What shows something (SHOW ...) never does, as in moto itself."""

import sys

from moto.redshiftdata import models
from moto.server import main

models.iso_8601_datetime_without_milliseconds = lambda moment: moment.timestamp()
column = models.ColumnMetadata.__init__
models.ColumnMetadata.__init__ = lambda self, *more: column(self, *more[:-1], int(more[-1]))
describe = models.RedshiftDataAPIServiceBackend.describe_statement


def described(self, statement_id):
    statement = describe(self, statement_id)
    if statement.status == "STARTED" and not statement.query_string.startswith("SHOW"):
        statement.status, statement.has_result_set = "FINISHED", True
    return statement


models.RedshiftDataAPIServiceBackend.describe_statement = described
main(sys.argv[1:])
