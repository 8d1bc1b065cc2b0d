#!/bin/bash
# One sweep on all nodes of a Slurm job. From the repository, on a machine that submits jobs:
#   sbatch --nodes=4 --gpus-per-node=8 deploy/slurm.sh sweep=anchor_budget model=llada_8b_instruct store=/shared/axon
# Preempted, or at its time limit, the job is put back into the queue and goes on from the store.
#SBATCH --job-name=axon
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@120  # to this script, two minutes before the time limit
set -uo pipefail

python=${PYTHON:-$PWD/.venv/bin/python}
ray=$(dirname "$python")/ray
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))  # jobs that share a node have a port each

# Whoever reaches the head's port may run programs on all nodes: they must know this job's token.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')

ray_on() { # NODES WHERE OPTION ...: Ray on that many nodes, until the step is ended
    local nodes=$1 where=$2
    shift 2
    srun --nodes="$nodes" --ntasks="$nodes" --cpus-per-task="$SLURM_CPUS_PER_TASK" "$where" \
        "$ray" start --block --disable-usage-stats --num-cpus="$SLURM_CPUS_PER_TASK" "$@" &
    steps+=($!)
}

steps=() driver='' stop=''
trap 'stop=yes; [[ -z $driver ]] || kill -TERM "$driver" 2>/dev/null' TERM
ray_on 1 --nodelist="$head" --head --port="$port" --include-dashboard=false \
    --temp-dir="/tmp/ray-$SLURM_JOB_ID"  # /tmp/ray may be another user's
until (: < "/dev/tcp/$head/$port") 2>/dev/null; do
    kill -0 "${steps[0]}" 2>/dev/null || { echo "Ray did not start on $head" >&2; exit 1; }
    sleep 0.2
done
# The sweep doesn't wait for them: nodes that join later are used, too.
((SLURM_JOB_NUM_NODES == 1)) || ray_on $((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" --address="$head:$port"

"$python" launch.py cluster=ray_address cluster.address="$head:$port" "$@" &
driver=$!
[[ -z $stop ]] || kill -TERM "$driver" 2>/dev/null  # stopped while Ray was starting
while wait "$driver"; code=$?; kill -0 "$driver" 2>/dev/null; do :; done  # a signal ends `wait`, too

kill -0 "${steps[0]}" 2>/dev/null && taken='' || taken=yes  # Ray was ended by somebody else: Slurm, or a fault
# The head last: nodes and agents take leave of it, and look for it for a minute where it is gone.
for step in "${steps[@]:1}" "${steps[0]}"; do
    kill "$step" 2>/dev/null
    wait "$step"
done
# A job that was cancelled is no longer running, and stays away.
if [[ $code == 143 || ($code != 0 && $taken) ]] && [[ $(squeue -h -j "$SLURM_JOB_ID" -o %T) == RUNNING ]] &&
    ((${SLURM_RESTART_COUNT:-0} < 100)); then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
