"""Looks at everything and prints it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from ..protocol.versions import BACKEND_VERSION, PROTOCOL_VERSION
from .files import look_at_files
from .findings import Finding
from .machine import look_at_device, look_at_disk, look_at_memory
from .packages import look_at_packages, look_at_python


def examine(cache: Path) -> list[Finding]:
    """All findings, what is wrong included.

    Args:
        cache: the cache's folder.
    """
    findings = [look_at_python(), *look_at_packages()]
    if all(finding.ok for finding in findings if finding.subject == "torch"):
        findings += look_at_device()
    if all(finding.ok for finding in findings if finding.subject == "numpy"):
        findings += look_at_files()
    return [*findings, look_at_memory(), look_at_disk(cache)]


def run_doctor(cache: Path, *, as_json: bool) -> int:
    """Print the findings.

    Args:
        cache: the cache's folder.
        as_json: as one JSON object instead of lines.

    Returns:
        0, or 1 when something necessary is missing.
    """
    findings = examine(cache)
    well = all(finding.ok for finding in findings if finding.necessary)
    if as_json:
        versions = {"backend": BACKEND_VERSION, "protocol": PROTOCOL_VERSION}
        json.dump({**versions, "ok": well, "findings": [asdict(finding) for finding in findings]}, sys.stdout, indent=1)
        print()
    else:
        width = max(len(finding.subject) for finding in findings)
        print(f"Recover Motion's backend {BACKEND_VERSION}, protocol {PROTOCOL_VERSION}")
        for finding in findings:
            mark = "ok     " if finding.ok else ("MISSING" if finding.necessary else "warning")
            print(f"{mark}  {finding.subject:{width}}  {finding.state}")
            if not finding.ok:
                print(f"{'':9}{'':{width}}  -> {finding.remedy}")
    return 0 if well else 1
