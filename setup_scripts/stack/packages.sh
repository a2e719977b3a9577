# The Debian packages of the services. Sourced by stack.sh.

# The packages of a service.
package_of() {
  case "$1" in
    postgres) echo postgresql ;; rabbitmq) echo rabbitmq-server ;; munge) echo munge ;; mariadb) echo mariadb-server ;;
    slurmdbd) echo slurmdbd ;; slurmctld | slurmd) echo slurm-wlm ;;
    sshd) echo openssh-server procps ;;
  esac
}

is_installed() {
  case "$1" in
    postgres) [ -n "$(postgres_bin)" ] ;; rabbitmq) [ -n "$(rabbitmq_bin)" ] ;; munge) command -v munged ;;
    mariadb) command -v mariadbd && command -v mariadb-install-db ;; slurmctld | slurmd) command -v "$1" && command -v sbatch ;;
    sshd) command -v sshd && command -v pgrep ;; *) command -v "$1" ;;
  esac > /dev/null 2>&1
}

# install_missing SERVICE...
install_missing() {
  local service packages=() log
  for service in "$@"; do is_installed "$service" || packages+=($(package_of "$service")); done
  [ ${#packages[@]} -gt 0 ] || return 0
  [ "$AS_ROOT" = yes ] && command -v apt-get > /dev/null ||
    die "not installed: ${packages[*]}. As root on Debian: apt-get install --no-install-recommends ${packages[*]}"
  say "Installing ${packages[*]}"
  log="$(mktemp)"
  { without_starting_services apt-get update -q &&
    DEBIAN_FRONTEND=noninteractive without_starting_services \
      apt-get install -qy --no-install-recommends "${packages[@]}"; } > "$log" 2>&1 < /dev/null ||
    { tail -20 "$log" >&2; die "apt-get fails; all it said is in $log"; }
  rm "$log"
  for service in "$@"; do is_installed "$service" || die "$service is not there although apt-get has installed it"; done
}

# Debian starts what it installs, on the usual ports, RabbitMQ and sshd on every interface: forbid it as long as we install.
without_starting_services() (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  "$@"
)
