#!/usr/bin/env bash
# Installs what the end-to-end tests need and this machine lacks. Debian; root or sudo. Idempotent, quiet when nothing is missing.
set -euo pipefail
PATH=$PATH:/usr/sbin # sshd

declare -A package_of=(
  [tmux]=tmux
  [git]=git
  [setsid]=util-linux
  [setpriv]=util-linux
  [ps]=procps
  [curl]=curl
  [sshd]=openssh-server
  [ssh-keygen]=openssh-client
  [gpg]=gnupg
  [openssl]=openssl
  [zsh]=zsh
  [fish]=fish
  [python3]=python3
  [script]=bsdutils
  [screen]=screen
  [chromium]=chromium
  [promtool]=prometheus
  [tcsh]=tcsh
  [bsd-csh]=csh
  [ssh]=openssh-client
  [ip]=iproute2
  [busybox]=busybox-static
  [dockerd]=docker.io
  [docker]=docker.io
  [podman]=podman
  [runc]=runc
  [mkfs.ext4]=e2fsprogs
  [chattr]=e2fsprogs
  [prometheus]=prometheus
  [promtool]=prometheus
)

# Sbin is not in everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin


missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null 2>&1 || missing+=("${package_of[$program]}")
done

# The real agent CLIs, into a cache outside the repository; see e2e/agents/install.ts.
install_agents() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  node --import tsx e2e/agents/install.ts claude-code codex gemini >/dev/null
}

# A container engine, without a service manager.
start_dockerd() {
  (. "$(dirname "${BASH_SOURCE[0]}")/provision/docker.sh" && docker_provision)
}

# A cluster of one node.
start_slurm() {
  (. "$(dirname "${BASH_SOURCE[0]}")/provision/slurm.sh" && slurm_provision)
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "provision: need root to install (${missing[*]}) and to start dockerd" >&2; exit 1; }
  as_root=(sudo)
fi
if [ "${#missing[@]}" -eq 0 ]; then
  start_slurm
  start_dockerd
  install_agents
  exit 0
fi
echo "provision: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null 2>&1 || { echo "provision: $program is still missing after installing ${package_of[$program]}" >&2; exit 1; }
done
start_slurm
start_dockerd
install_agents
