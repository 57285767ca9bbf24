# shellcheck shell=bash
# Sourced by provision.sh: a docker engine by hand. It needs no service manager, bridge or firewall rules; containers outlive it.
docker_provision() {
  timeout 30 docker info >/dev/null 2>&1 && return
  echo "provision: starting dockerd, log in /tmp/sac-dockerd.log"
  # A run of the tests has a TMPDIR of its own, which the engine outlives.
  "${as_root[@]}" env -u TMPDIR setsid dockerd --iptables=false --ip6tables=false --bridge=none --live-restore >/tmp/sac-dockerd.log 2>&1 </dev/null &
  local tries
  for tries in $(seq 120); do
    timeout 30 docker info >/dev/null 2>&1 && return
    sleep 0.5
  done
  echo "provision: dockerd did not come up: $(tail -n 3 /tmp/sac-dockerd.log)" >&2
  return 1
}
