"""What the host scripts print, as an instance's tag `test:ssm-output` names it.

The lines have the shape that functions/remedy/src/observe/host_report.rs reads and that the
scripts in functions/*/ssm print; a tag's 256 characters would not hold them.
"""

import json

_PREFLIGHT = {
    "boot_id": "0c1f3d58-7a4e-4f0b-9a0e-6b1f6a1f4d11",
    "persons": 0,
    "packages_busy": False,
    "fstab_ok": True,
    "jobs_pending": 0,
    "failed_count": 0,
    "failed_units": [],
    "tmp_logs": [],
    "credentials": [],
    "hybrid": False,
    "read_only_root": False,
    "tmp_on_tmpfs": False,
    "volatile_journal": False,
    "reboot_required": False,
    "instance_store": False,
}

_EVIDENCE = {
    "file": "/var/log/remedy/20261120T031301Z.txt",
    "bytes": 18204,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "where": "disk",
    "uploaded": None,
}

_DISK = {
    "mount": "/",
    "read_only": False,
    "target_percent": 80,
    "used_percent_before": 97,
    "inode_percent_before": 12,
    "steps": {"journal": [6, 1610612736], "package-cache": [212, 734003200]},
    "top": [[9663676416, "/srv/app/spool/core.2211"], [2147483648, "/srv/app/data.db"]],
}

_BELOW = {
    "mount": "/",
    "file_system": "ext4",
    "device": "xvdf",
    "disk": "xvdf",
    "partition": None,
    "mbr": False,
    "lvm": False,
    "shape": "fit",
    "unused_bytes": 0,
}

_CPU = {
    "cores": 2,
    "load1": 9.41,
    "busy_percent": 99,
    "steal_percent": 0,
    "burstable": False,
    "unit": "app.service",
    "pid": 2211,
    "cpu_before": 196,
    "top": [{"pid": 2211, "comm": "app", "unit": "app.service", "cpu": 196, "sustained": True}],
}

_MEMORY = {
    "total_kb": 8028344,
    "available_percent_before": 2,
    "psi_some10": 41.2,
    "psi_full10": 30.5,
    "oom_kills": 1,
    "swap_free_kb": 0,
    "unit": "app.service",
    "unit_kb_before": 6912544,
    "top_kb": [[6912544, "app.service"]],
}


_SERVICE = {
    "listed": 2,
    "stopped": [],
    "looping": [],
    "unit": "nginx.service",
    "result": "signal",
    "pid_before": None,
    "systemd_restarts": 0,
}


def _line(action, status, reason, preflight=None, **more):
    said = {"v": 1, "action": action, "status": status, "reason": reason, "mode": "apply"}
    said |= more | {"preflight": _PREFLIGHT | (preflight or {}), "evidence": _EVIDENCE}
    said |= {"warnings": [], "seconds": 4}
    return "REMEDIATION_RESULT " + json.dumps(said, separators=(",", ":")) + "\n"


OUTPUTS = {
    "disk-ok": _line(
        "disk-clean", "ok", "78 % of bytes, 12 % of inodes in use",
        **_DISK, used_percent_after=78, inode_percent_after=12, bytes_freed=2344615936,
    ),
    "disk-insufficient": _line(
        "disk-clean", "insufficient", "91 % of bytes in use, and nothing left that may go",
        **_DISK, used_percent_after=91, inode_percent_after=12, bytes_freed=2344615936,
    ),
    # Of 100 GiB, on the disk that is attached as /dev/sdf; 140 GiB once it is extended.
    "grow-fit": _line(
        "disk-grow", "report", "/ lies on xvdf: 97 % are in use", **_BELOW,
        size_bytes=100 << 30, used_bytes=97 << 30, disk_bytes=100 << 30,
    ),
    "grow-extended": _line(
        "disk-grow", "ok", "/ takes 143360 MiB now, 70 % are in use", code="relieved", **_BELOW,
        size_bytes=140 << 30, used_bytes=97 << 30, disk_bytes=140 << 30,
    ),
    "cpu-ok": _line("cpu-relief", "ok", "app.service restarted", **_CPU, cpu_after=3),
    "cpu-insufficient": _line(
        "cpu-relief", "insufficient", "app.service is not listed", **_CPU, cpu_after=195
    ),
    "cpu-insufficient-with-a-person": _line(
        "cpu-relief", "insufficient", "app.service is not listed", {"persons": 1}, **_CPU
    ),
    "memory-ok": _line(
        "memory-relief", "ok", "app.service restarted",
        **_MEMORY, available_percent_after=71, restarted=True,
    ),
    "memory-insufficient": _line(
        "memory-relief", "insufficient", "app.service is not listed", **_MEMORY
    ),
    "service-ok": _line(
        "service-restart", "ok", "nginx.service runs again, with a new main process",
        **_SERVICE, running=2, down=[], pid_after=4711, restarted=["nginx.service"],
    ),
    "service-insufficient": _line(
        "service-restart", "insufficient", "nginx.service did not stay up (exit-code before)",
        **_SERVICE, running=1, down=["nginx.service"], pid_after=None, restarted=[],
    ),
    "rubbish": "Last login: Fri Nov 20 03:01:12 2026\n",
}


def spoken(name, parameters, reaches_bucket):
    """What a script prints that was given these parameters: one that may only look
    reports, and where its evidence went depends on what it was told and whether the
    host has a way there."""
    line = OUTPUTS[name]
    marker, _, said = line.partition(" ")
    if marker != "REMEDIATION_RESULT":
        return line
    said = json.loads(said)
    looks_only = parameters.get("Mode") == ["report"]
    if looks_only:
        said |= {"mode": "report", "status": "report"}
    uploaded = reaches_bucket if parameters.get("EvidenceUrl") else None
    printed = parameters.get("EvidenceOutput") == ["yes"] and not uploaded
    said["evidence"] = said["evidence"] | {"uploaded": uploaded, "printed": printed}
    behind = "== load and pressure\n0.02 0.01 0.00 1/99 4711\n" if printed else ""
    return f"{marker} {json.dumps(said, separators=(',', ':'))}\n{behind}"
