#!/bin/bash
# cluster.sh start|stop|restart-controller|fail-node FOLDER
#
# A Slurm cluster of one node on this machine: 4 cores by name, 2 GPUs that are device nodes without a device, and two
# partitions, of which `urgent` takes what `usual` has. Everything it writes is in FOLDER, an absolute path; the daemons'
# process ids are in FOLDER/*.pid. Use it with SLURM_CONF=FOLDER/slurm.conf. As root; systemd is not needed.
set -euo pipefail
verb=$1 folder=$2
export SLURM_CONF=$folder/slurm.conf
PATH=$PATH:/usr/sbin:/sbin

# Runs a daemon in the foreground of a session of its own, and notes its process id.
daemon() {
  local name=$1
  shift
  setsid "$@" </dev/null >>"$folder/$name.out" 2>&1 &
  echo $! >"$folder/$name.pid"
}

is_alive() { kill -0 "$(cat "$folder/$1.pid" 2>/dev/null)" 2>/dev/null; }

# Ends a daemon, by force where it takes longer than ten seconds.
end() {
  is_alive "$1" || return 0
  local process
  process=$(cat "$folder/$1.pid")
  kill -TERM "$process"
  for _ in $(seq 100); do
    kill -0 "$process" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$process" 2>/dev/null || true
}

# Waits up to 30 seconds for a command to succeed.
await() {
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  echo "this did not come true: $*" >&2
  tail -n 20 "$folder"/*.out "$folder"/*.log >&2
  return 1
}

free_port() {
  local port
  for _ in $(seq 50); do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
  return 1
}

controller() { daemon slurmctld slurmctld -D -f "$SLURM_CONF"; }
seals() { munge -n -S "$folder/munge.socket" | unmunge -S "$folder/munge.socket"; }
is_idle() { [ "$(timeout 5 sinfo --noheader --format=%t --partition=usual)" = idle ]; }
# A node that had tasks comes back when they have gone; another one has to be told, and the first one refuses that.
is_back() {
  scontrol update NodeName="$(hostname -s)" State=RESUME 2>/dev/null || true
  timeout 5 sinfo --noheader --format=%t --partition=usual | grep -qE '^(idle|mix|alloc)'
}
is_empty() { [ -z "$(timeout 5 squeue --noheader)" ]; }

configure() {
  local node
  node=$(hostname -s)
  mkdir -p "$folder/state" "$folder/spool"
  for gpu in 0 1; do
    [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3
  done
  printf '%s\n' 'AutoDetect=off' "NodeName=$node Name=gpu File=$folder/gpu[0-1] Flags=nvidia_gpu_env" >"$folder/gres.conf"
  : >"$folder/cgroup.conf"
  : >"$folder/plugstack.conf"
  (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
  # cred_expire holds back a requeued job, two minutes by default and where it is less than 5. KillWait is the time between
  # TERM and KILL.
  cat >"$SLURM_CONF" <<END
ClusterName=tests
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.own
SlurmdPidFile=$folder/slurmd.own
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
PlugStackConfig=$folder/plugstack.conf
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize=9
JobRequeue=1
ReturnToService=2
KillWait=20
MinJobAge=3600
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=$node NodeAddr=127.0.0.1 CPUs=4 RealMemory=2000 Gres=gpu:2 State=UNKNOWN
PartitionName=usual Nodes=$node Default=YES MaxTime=INFINITE PriorityTier=1
PartitionName=urgent Nodes=$node MaxTime=INFINITE PriorityTier=2
END
}

case $verb in
  start)
    configure
    daemon munged munged -F --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
      --pid-file="$folder/munged.own" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" --force
    await seals
    controller
    daemon slurmd slurmd -D -f "$SLURM_CONF"
    await is_idle
    ;;
  restart-controller)
    end slurmctld
    controller
    await timeout 5 scontrol ping
    ;;
  fail-node)
    scontrol update NodeName="$(hostname -s)" State=DOWN Reason=test
    await is_back
    ;;
  stop)
    if is_alive slurmctld; then
      timeout 10 scancel --user=root || true
      await is_empty || true
    fi
    for name in slurmd slurmctld munged; do end "$name"; done
    ;;
esac
