#!/usr/bin/env bash
# A Slurm of one node on this machine, for as long as a command runs: .ci/slurm.sh COMMAND...
# Needs Debian's packages slurm-wlm and munge, and root. Everything lies in a temporary folder and ends with the command.
set -euo pipefail
for program in munged slurmctld slurmd sbatch; do
    command -v $program > /dev/null || { echo "$program is missing: apt-get install slurm-wlm munge" >&2; exit 1; }
done
folder=$(mktemp -d)
chmod 755 "$folder"
port=$((20000 + $$ % 10000 * 2))
export SLURM_CONF=$folder/slurm.conf
cat > "$SLURM_CONF" << END
ClusterName=one
SlurmctldHost=$(hostname)
SlurmUser=root
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmctldPort=$port
SlurmdPort=$((port + 1))
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=$(hostname) CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
mkdir "$folder/state" "$folder/spool"
dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
chmod 400 "$folder/munge.key"
daemons=()
stop() {
    for daemon in "${daemons[@]}"; do  # the last begun first: they speak with those before them
        kill "$daemon" 2> /dev/null || true
        wait "$daemon" || true
    done
    rm -rf "$folder"
}
trap stop EXIT
munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" > /dev/null 2>&1 &
daemons+=($!)
until [ -S "$folder/munge.socket" ]; do sleep 0.2; done
slurmctld -D > /dev/null 2>&1 & daemons=($! "${daemons[@]}")
slurmd -D > /dev/null 2>&1 & daemons=($! "${daemons[@]}")
for _ in $(seq 120); do
    for daemon in "${daemons[@]}"; do kill -0 "$daemon" 2> /dev/null || break 2; done  # one could not start
    [ "$(sinfo --noheader --format=%t 2> /dev/null)" = idle ] && ready=yes && break
    sleep 0.5
done
if [ -z "${ready:-}" ]; then
    tail -n 20 "$folder"/*.log >&2
    exit 1
fi
"$@"
