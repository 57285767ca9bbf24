#!/usr/bin/env bash
# A cluster of one node for the end-to-end tests: munged, slurmctld and slurmd by hand, as root, without accounting.
# Sourced by e2e/provision.sh, or run by itself. Idempotent: what runs already is left alone, a foreign configuration too.

slurm_install() {
  command -v sbatch >/dev/null && command -v slurmctld >/dev/null && command -v slurmd >/dev/null &&
    command -v munged >/dev/null && return
  echo "provision: installing slurm-wlm munge"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
}

# More CPUs than there are, so that many small jobs run at once; `tiny` has seats for one, `low` yields to `high`.
slurm_conf() {
  local node
  node=$(hostname -s)
  cat <<CONF
# Written by sac's e2e/provision/slurm.sh
ClusterName=sac
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=5
PriorityType=priority/basic
MinJobAge=10
KillWait=5
MessageTimeout=5
ReturnToService=2
InactiveLimit=0
MaxJobCount=2000
StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
Licenses=seat:1
NodeName=$node NodeAddr=127.0.0.1 CPUs=128 Sockets=1 CoresPerSocket=128 ThreadsPerCore=1 RealMemory=200000 State=UNKNOWN
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE PriorityTier=5 OverSubscribe=NO State=UP
PartitionName=low Nodes=$node MaxTime=INFINITE PriorityTier=1 OverSubscribe=NO State=UP
PartitionName=high Nodes=$node MaxTime=INFINITE PriorityTier=10 OverSubscribe=NO State=UP
CONF
}

# slurm_running PIDFILE NAME: the pid in the file is alive and is that program (and not a zombie nobody collects).
slurm_running() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] &&
    ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
}

slurm_start_munged() {
  slurm_running /run/munge/munged.pid munged && return
  install -d -o munge -g munge -m 0755 /run/munge
  install -d -o munge -g munge -m 0700 /var/lib/munge /var/log/munge
  [ -s /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=128 count=1 status=none; }
  chown munge:munge /etc/munge /etc/munge/munge.key
  chmod 0400 /etc/munge/munge.key
  setpriv --reuid munge --regid munge --init-groups /usr/sbin/munged
}

# slurm_start NAME: a daemon lets go of who started it before it wrote down its pid; until then it would be begun a second time,
# and the second one writes a pid into the file that is soon nobody's.
slurm_start() {
  local tries
  slurm_running "/run/$1.pid" "$1" && return
  "/usr/sbin/$1"
  for tries in $(seq 300); do
    slurm_running "/run/$1.pid" "$1" && return
    sleep 0.1
  done
  echo "provision: $1 does not write its pid; see /var/log/slurm" >&2
  return 1
}

# Ours alone, by the pids they wrote down.
slurm_stop() {
  local pair
  for pair in slurmd slurmctld; do
    slurm_running "/run/$pair.pid" "$pair" || continue
    kill "$(cat "/run/$pair.pid")"
    while slurm_running "/run/$pair.pid" "$pair"; do sleep 0.1; done
  done
}

slurm_wait() {
  local tries
  for tries in $(seq 600); do
    case $(sinfo -h -o %T 2>/dev/null | sort -u | tr '\n' ' ') in 'idle ' | 'mixed ' | 'allocated ') return 0 ;; esac
    [ $((tries % 10)) -ne 0 ] || scontrol update "nodename=$(hostname -s)" state=resume 2>/dev/null || true
    sleep 0.2
  done
  echo "provision: slurm does not come up; see /var/log/slurm" >&2
  return 1
}

slurm_provision() {
  if [ "$(id -u)" -ne 0 ]; then
    sinfo -h >/dev/null 2>&1 && return
    echo "provision: need root to start slurm" >&2
    return 1
  fi
  slurm_install
  if [ -s /etc/slurm/slurm.conf ] && ! grep -q "^# Written by sac's" /etc/slurm/slurm.conf; then
    sinfo -h >/dev/null 2>&1 && return
    echo "provision: /etc/slurm/slurm.conf is not ours, and its cluster does not answer" >&2
    return 1
  fi
  install -d -m 0755 /var/lib/slurm /var/lib/slurm/slurmctld /var/lib/slurm/slurmd /var/log/slurm /etc/slurm
  if [ "$(slurm_conf)" != "$(cat /etc/slurm/slurm.conf 2>/dev/null)" ]; then
    slurm_stop
    slurm_conf >/etc/slurm/slurm.conf
  fi
  slurm_start_munged
  slurm_start slurmctld
  slurm_start slurmd
  slurm_wait
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  slurm_provision
fi
