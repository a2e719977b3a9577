# RabbitMQ, with the user `aiida` in place of guest, and without a timeout for messages that are being worked on: AiiDA
# acknowledges a task when it ends, which may take weeks. Sourced by stack.sh.

rabbitmq_bin() { ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin 2>/dev/null | sort -V | tail -1; }

rabbitmq_find() { find_process beam.smp "HOME=$BASE/rmq"; }
epmd_find() { find_process epmd "HOME=$BASE/rmq"; }

rabbitmq_configure() {
  local folder password
  for folder in '' /mnesia /log /etc; do own_dir "$RMQ_USER" 700 "$BASE/rmq$folder"; done
  password="$(secret rabbitmq)"
  # default_user counts only when the database is made; guest is then never there.
  write_file "$RMQ_USER" 600 "$BASE/rmq/etc/rabbitmq.conf" <<EOC
listeners.tcp.1 = 127.0.0.1:$RMQ_PORT
default_user = aiida
default_pass = $password
EOC
  # In rabbitmq.conf only a number is accepted.
  write_file "$RMQ_USER" 600 "$BASE/rmq/etc/advanced.config" <<< '[{rabbit, [{consumer_timeout, undefined}]}].'
  write_file "$RMQ_USER" 600 "$BASE/rmq/etc/rabbitmq-env.conf" < /dev/null
  write_file "$RMQ_USER" 600 "$BASE/rmq/etc/enabled_plugins" <<< '[].'
}

# Debian's wrapper in /usr/sbin ignores HOME and paths; the server's own script does not. The name ends in localhost so
# that the node survives a new host name; without the kernel option the distribution port would be open to all.
rabbitmq_env() {
  (
    cd "$BASE/rmq"
    as "$RMQ_USER" env HOME="$BASE/rmq" \
      RABBITMQ_NODENAME="aiida$PORT0@localhost" \
      RABBITMQ_CONF_ENV_FILE="$BASE/rmq/etc/rabbitmq-env.conf" \
      RABBITMQ_CONFIG_FILE="$BASE/rmq/etc/rabbitmq.conf" \
      RABBITMQ_ADVANCED_CONFIG_FILE="$BASE/rmq/etc/advanced.config" \
      RABBITMQ_ENABLED_PLUGINS_FILE="$BASE/rmq/etc/enabled_plugins" \
      RABBITMQ_MNESIA_BASE="$BASE/rmq/mnesia" \
      RABBITMQ_LOG_BASE="$BASE/rmq/log" \
      RABBITMQ_PID_FILE="$BASE/rmq/pid" \
      RABBITMQ_NODE_PORT="$RMQ_PORT" \
      RABBITMQ_DIST_PORT="$RMQ_DIST_PORT" \
      ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$EPMD_PORT" \
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' "$@"
  )
}

rabbitmq_start() { rabbitmq_env setsid --fork "$(rabbitmq_bin)/rabbitmq-server" < /dev/null >> "$BASE/rmq/output" 2>&1; }

# The broker's first frame after the greeting of the protocol, and the database of users behind it.
rabbitmq_ready() {
  (
    exec 3<> "/dev/tcp/127.0.0.1/$RMQ_PORT"
    printf 'AMQP\0\0\011\001' >&3
    [ "$(timeout 5 head -c 1 <&3 | od -An -tu1 | tr -d ' ')" = 1 ]
  ) 2> /dev/null
}

# A database older than our password (its file was removed) gets the new one; read from standard input, as `ps` sees all.
rabbitmq_after() {
  local stamp
  stamp="$(secret rabbitmq | sha256sum)"
  [ "$(cat "$BASE/rmq/password_set" 2>/dev/null)" != "$stamp" ] || return 0
  secret rabbitmq | rabbitmq_env "$(rabbitmq_bin)/rabbitmqctl" -q change_password aiida > /dev/null
  write_file "$RMQ_USER" 600 "$BASE/rmq/password_set" <<< "$stamp"
}

# epmd, which tells the names of Erlang nodes, outlives the node.
rabbitmq_stop() {
  stop_process rabbitmq_find TERM
  stop_process epmd_find TERM
}
