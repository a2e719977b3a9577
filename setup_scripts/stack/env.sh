# The file that says where the services are and how to enter them: BASE/stack.env, readable by its owner only.
# Sourced by stack.sh. A line each `NAME=value`, no quotes, no spaces: `. stack.env` in a shell, or split at the first `=`.

# Write stack.env from the settings of stack.sh; passwords must have been made.
write_env() {
  local file="$BASE/stack.env"
  (
    umask 077
    cat > "$file.new" <<ENV
CRYSTALMATH_STACK=$BASE
CRYSTALMATH_STACK_PORT=$PORT0
PG_HOST=127.0.0.1
PG_PORT=$PG_PORT
PG_USER=aiida
PG_PASSWORD=$(secret postgres)
PG_DATABASE=aiida
RMQ_PROTOCOL=amqp
RMQ_HOST=127.0.0.1
RMQ_PORT=$RMQ_PORT
RMQ_USER=aiida
RMQ_PASSWORD=$(secret rabbitmq)
RMQ_VHOST=/
SSH_ALIAS=$SSH_ALIAS
SSH_HOST=127.0.0.1
SSH_PORT=$SSH_PORT
SSH_USER=$JOB_USER
SSH_KEY=$BASE/client/id_ed25519
SSH_CONFIG=$BASE/client/config
SSH_KNOWN_HOSTS=$BASE/client/known_hosts
SLURM_CONF=$BASE/slurm/slurm.conf
SLURM_PARTITION=main
SLURM_PARTITION_TIGHT=tight
SLURM_TIGHT_MEMORY_MB=$TIGHT_MEMORY_MB
SCRATCH_DIR=$BASE/scratch
ENV
    mv "$file.new" "$file"
  )
}
