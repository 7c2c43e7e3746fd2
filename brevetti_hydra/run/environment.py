"""The environment of a run: Python and packages, the machine, variables that change numbers."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

__all__ = ["describe_environment", "describe_process", "list_packages"]

# Variables that change what is computed, or in which order. Never the whole environment.
_VARIABLES = frozenset(
    {
        *("PYTHONHASHSEED", "PYTHONOPTIMIZE", "CUDA_VISIBLE_DEVICES", "CUDA_LAUNCH_BLOCKING"),
        *("HIP_VISIBLE_DEVICES", "NVIDIA_TF32_OVERRIDE", "NPY_DISABLE_CPU_FEATURES"),
        *("JAX_PLATFORMS", "JAX_ENABLE_X64"),
    }
)
_FAMILIES = (
    *("OMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "GOTO_", "VECLIB_", "NUMEXPR_", "ATEN_"),
    *("ONEDNN_", "DNNL_", "CUBLAS_", "CUDNN_", "NCCL_", "TORCH_", "XLA_"),
)
_NO_NUMBERS = ("KEY", "TOKEN", "SECRET", "PASS", "CREDENTIAL", "AUTH")

_MOST_CPUINFO_BYTES = 8192


def describe_environment(process: dict[str, Any] | None = None) -> dict[str, Any]:
    """Describe where the run takes place; a few milliseconds, no file of a package is read.

    Args:
        process: What `describe_process` gave; None looks now.
    """
    known = process or describe_process()
    return {
        **known,
        "hardware": known["hardware"] | _count_processors(),
        "variables": _read_variables(),
    }


def describe_process() -> dict[str, Any]:
    """Describe what stays the same while the process lives: Python, packages and the machine."""
    return {
        "python": _describe_python(),
        "packages": list_packages(),
        "hardware": _describe_hardware(),
    }


def list_packages() -> list[str]:
    """List `name==version` of what is installed, by the names of the metadata folders."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")  # noqa: PTH208 - names only, the fastest way
        except OSError:
            continue  # an archive, or nothing
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                package, _, version = name.rpartition(".")[0].partition("-")
                # As in an import, the first on the path counts.
                found.setdefault(_normal(package), version.partition("-py")[0])
    return [f"{package}=={found[package]}" for package in sorted(found)]


def _normal(package: str) -> str:
    return package.replace("_", "-").replace(".", "-").lower()


def _describe_python() -> dict[str, str]:
    return {
        "version": sys.version.split()[0],
        "build": sys.version,
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "prefix": sys.prefix,
    }


def _describe_hardware() -> dict[str, Any]:
    machine: dict[str, Any] = {"system": sys.platform, "cpus": os.cpu_count()}
    if hasattr(os, "uname"):
        names = os.uname()
        machine |= {
            "system": names.sysname,
            "kernel": names.release,
            "host": names.nodename,
            "machine": names.machine,
        }
    machine |= _count_processors()
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        machine["memory_bytes"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return machine | _read_cpu()


def _count_processors() -> dict[str, int]:
    """Count the processors that the process may use now."""
    if hasattr(os, "sched_getaffinity"):
        return {"cpus_allowed": len(os.sched_getaffinity(0))}
    return {}


def _read_cpu() -> dict[str, Any]:
    """Read the first processor's entry; the file of a large machine takes long to make."""
    try:
        descriptor = os.open("/proc/cpuinfo", os.O_RDONLY)
        try:
            text = os.read(descriptor, _MOST_CPUINFO_BYTES).decode("utf-8", "replace")
        finally:
            os.close(descriptor)
    except OSError:
        return {}
    fields = dict(re.findall(r"^([^\t:]+)\t*: (.*)$", text.partition("\n\n")[0], re.MULTILINE))
    flags = fields.get("flags") or fields.get("Features") or ""
    return {"cpu": fields.get("model name", ""), "cpu_flags": sorted(flags.split())}


def _read_variables() -> dict[str, str]:
    return {name: os.environ[name] for name in sorted(os.environ) if _changes_numbers(name)}


def _changes_numbers(name: str) -> bool:
    is_named = name in _VARIABLES or name.startswith(_FAMILIES)
    return is_named and not any(word in name.upper() for word in _NO_NUMBERS)
