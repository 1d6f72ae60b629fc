"""Which of OpenBLAS's kernels this machine can execute: other machines' rounding, tried on one.

``python -m tests.kernels`` prints a line for each: the kernel, then what NumPy's own loops must
not use, so that they round as on a processor of that time, too (``-``: nothing).
"""

import json
import os
import subprocess
import sys

#: From the oldest on, as ``OPENBLAS_CORETYPE`` calls them.
KERNELS = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")
#: The first with AVX2, and the first with AVX-512.
AVX2, AVX512 = KERNELS.index("Haswell"), KERNELS.index("SkylakeX")
PROBE = """
import json, numpy, threadpoolctl
numpy.linalg.svd(numpy.ones((99, 99), "f") @ numpy.ones((99, 99), "f"))
blas = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
features = numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
print(json.dumps([blas[0].get("architecture") if blas else None, features]))
"""


def probe(kernel):
    """The kernel that OpenBLAS takes and what NumPy finds, or ``None`` where it cannot run."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "NPY_DISABLE_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.returncode == 0 else None


def main():
    seen = set()
    for place, kernel in enumerate(KERNELS):
        found = probe(kernel)
        if found is None or found[0] in seen:
            continue
        seen.add(found[0])
        newer = ("AVX512", "X86_V4") if place >= AVX2 else ("",)
        kept_back = [name for name in found[1] if name.startswith(newer) and place < AVX512]
        print(kernel, " ".join(kept_back) or "-")


if __name__ == "__main__":
    main()
