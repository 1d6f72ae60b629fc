"""``sweep --emit-slurm``: a job array for Slurm, without Dask."""

import re
import shlex
import sys
from collections.abc import Sequence

from experiments.results.run_spec import RunSpec
from experiments.sweep.plan import data_folder, job_words
from experiments.system.paths import ROOT

#: Tasks that an array may have by default.
ARRAY = 1001

TEMPLATE = """\
#!/bin/bash
# {count} runs of {config}, one task for each. Submit with: sbatch FILE
# Adapt the lines below to your cluster (partition, account, a GPU: --gres=gpu:1). A run has one
# BLAS thread; for more, ask for more cores, and export OPENBLAS_NUM_THREADS.
#SBATCH --job-name=grustab-{config}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --time=12:00:00
#SBATCH --output=slurm-%A_%a.log
#SBATCH --open-mode=append
# Five minutes before the time is up (an evaluation may take two), the run saves a snapshot and
# ends; it is then queued again. So --time must be much longer than five minutes.
#SBATCH --signal=TERM@300
#SBATCH --requeue

runs=(
{runs}
)
{data}cd {root} || exit 2
eval "words=(${{runs[SLURM_ARRAY_TASK_ID]}})"
# Since Slurm 22.05 srun does not take the number of cores from the job.
srun --cpus-per-task="${{SLURM_CPUS_PER_TASK:-1}}" \\
  {python} -m experiments "${{words[@]}}" --snapshot-interval {interval:g}{device}
code=$?
case $code in # interrupted, or ended by a signal before it had begun
  130 | 143) scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}" ;;
esac
exit $code
"""


def slurm_script(runs: Sequence[RunSpec], device: str, snapshot_interval: float) -> str:
    """A batch script with an array task for each run, at least one."""
    data = data_folder()
    return TEMPLATE.format(
        count=len(runs),
        last=len(runs) - 1,
        config=re.sub(r"[^\w.+-]", "_", runs[0].cell.config, flags=re.ASCII),
        runs="\n".join("  " + shlex.quote(shlex.join(job_words(run))) for run in runs),
        data=f"export GRUSTAB_DATA={shlex.quote(data)}\n" if data else "",
        root=shlex.quote(str(ROOT)),
        python=shlex.quote(sys.executable),
        interval=snapshot_interval,
        device="" if device == "cpu" else f" --device {shlex.quote(device)}",
    )
