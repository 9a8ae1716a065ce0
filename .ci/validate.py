"""AWS's cloudformation-validate over rendered templates: no finding above information."""

import sys

from cloudformation_validate import CompositeEngine

engine = CompositeEngine()
found = 0
for path in sys.argv[1:]:
    for finding in engine.validate_template(path).diagnostics:
        if finding.severity.name not in ("INFO", "DEBUG"):
            print(f"{path}: {finding.severity.name} {finding.rule_id}: {finding.message}")
            found += 1
if len(sys.argv) < 2:
    sys.exit("no templates are named")
sys.exit(1 if found else 0)
