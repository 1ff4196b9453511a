# What the scripts in tools/ share: settings, packages, jars, and the servers of a stack. Sourced by bash, not run.
#
# Settings, all by environment; a second stack beside the first needs another STACK_STATE and other ports.
#   STACK_STATE            folder of the servers' data, logs and pid files; belongs to one stack alone
#   STACK_CACHE            folder of the broker's jars; may be shared
#   STACK_SOURCE_PORT 5433, STACK_LAKE_PORT 5434, STACK_TARGET_PORT 5435
#   STACK_KAFKA_PORT 9092, STACK_CONTROLLER_PORT 9093, STACK_CONNECT_PORT 8183 (tools/bench --debezium)
#   STACK_KAFKA_PROXIED    LISTEN:ADVERTISED, a second listener whose clients are told to come back by another port (tests/crash)
#   STACK_FSYNC            "off" for servers whose data may be lost (tests); "on" otherwise
# The prefix is not WALRELAY_: those variables are the program's own configuration.

HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}  # some CI systems set none
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ "$(id -u)" = 0 ]; then
  # PostgreSQL refuses root, and another user could not enter root's home.
  STACK_STATE=${STACK_STATE:-/var/lib/walrelay}
else
  STACK_STATE=${STACK_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/walrelay}
fi
STACK_CACHE=${STACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/walrelay}
STACK_SOURCE_PORT=${STACK_SOURCE_PORT:-5433}
STACK_LAKE_PORT=${STACK_LAKE_PORT:-5434}
STACK_TARGET_PORT=${STACK_TARGET_PORT:-5435}
STACK_KAFKA_PORT=${STACK_KAFKA_PORT:-9092}
STACK_CONTROLLER_PORT=${STACK_CONTROLLER_PORT:-9093}
STACK_CONNECT_PORT=${STACK_CONNECT_PORT:-8183}
STACK_FSYNC=${STACK_FSYNC:-on}
export STACK_STATE STACK_CACHE STACK_SOURCE_PORT STACK_LAKE_PORT STACK_TARGET_PORT STACK_KAFKA_PORT \
  STACK_CONTROLLER_PORT STACK_CONNECT_PORT STACK_FSYNC

PGBIN=${PGBIN:-/usr/lib/postgresql/15/bin}
JAVA=${JAVA:-java}
KAFKA_VERSION=4.3.0
NAMES=(source lake target kafka)

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# --- Packages and jars ---

BUILD_PACKAGES=(g++ cmake ninja-build ccache pkg-config libabsl-dev libgtest-dev libgmock-dev libbenchmark-dev libboost1.81-dev
  libcli11-dev libtomlplusplus-dev libpcre2-dev libpq-dev libspdlog-dev libssl-dev librdkafka-dev libxxhash-dev libyaml-cpp-dev libsimdjson-dev
  prometheus-cpp-dev)
RUN_PACKAGES=(postgresql-15 openjdk-17-jre-headless maven curl jq kcat procps unzip xz-utils python3 python3-psycopg2
  python3-confluent-kafka python3-pytest)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# True where the Debian package is installed; a JDK will do for the JRE it contains.
have_package() {
  case $1 in openjdk-17-jre-headless) command -v "$JAVA" >/dev/null && return;; esac
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
  local package missing=()
  for package in "$@"; do have_package "$package" || missing+=("$package"); done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -q >&2 </dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2 </dev/null
}

# bring_jars FOLDER group:artifact:version...: the artifacts with all they need at run time, from Maven Central.
# The folder appears only when it is complete.
bring_jars() {
  local folder=$1 artifact group name version pom
  shift
  [ -d "$folder" ] && return
  mkdir -p "$(dirname "$folder")"
  rm -rf "$folder.part"
  pom=$(mktemp --suffix=.xml)
  {
    echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
    echo '<groupId>walrelay</groupId><artifactId>jars</artifactId><version>1</version><dependencies>'
    for artifact in "$@"; do
      IFS=: read -r group name version <<<"$artifact"
      echo "<dependency><groupId>$group</groupId><artifactId>$name</artifactId><version>$version</version>"
      # Debezium names Oracle's driver, which a PostgreSQL connector never loads.
      echo '<exclusions><exclusion><groupId>com.oracle.database.jdbc</groupId><artifactId>*</artifactId></exclusion></exclusions>'
      echo '</dependency>'
    done
    echo '</dependencies></project>'
  } >"$pom"
  say "bringing $* from Maven Central"
  local try
  for try in 1 2 3; do
    mvn -q -B -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$folder.part" >&2 </dev/null && break
    [ "$try" = 3 ] && die "Maven could not bring $*"
    sleep 5
  done
  rm -f "$pom"
  mv "$folder.part" "$folder"
}

bring_broker() {
  local folder=$STACK_CACHE/kafka-$KAFKA_VERSION group=org.apache.kafka
  bring_jars "$folder" $group:kafka_2.13:$KAFKA_VERSION $group:kafka-tools:$KAFKA_VERSION org.slf4j:slf4j-simple:1.7.36
  rm -f "$folder"/{slf4j-reload4j,log4j-slf4j,reload4j}*.jar  # One slf4j binding only.
}

# bring_debezium VERSION: the connector, and the Connect that runs it (used by tools/bench and tools/differential).
bring_debezium() {
  local version=$1 connect plugin group=org.apache.kafka
  connect=$([ "$version" = 2.5.0.Final ] && echo 3.6.1 || echo $KAFKA_VERSION)
  bring_jars "$STACK_CACHE/connect-$connect" $group:connect-runtime:$connect $group:connect-json:$connect \
    $group:connect-transforms:$connect org.slf4j:slf4j-simple:1.7.36
  if [ "$connect" = 3.6.1 ]; then  # It needs the log4j 1 classes itself, so reload4j is the binding that stays.
    rm -f "$STACK_CACHE/connect-$connect"/slf4j-simple*.jar
  else
    rm -f "$STACK_CACHE/connect-$connect"/{slf4j-reload4j,log4j-slf4j,reload4j}*.jar
  fi
  plugin=$STACK_CACHE/plugins-$version/debezium-connector-postgres
  bring_jars "$plugin" io.debezium:debezium-connector-postgres:$version
  rm -f "$plugin"/{connect-api,kafka-clients,lz4,snappy,zstd,slf4j}*.jar  # Connect's own are used.
}

# bring_postgres MAJOR: prints the folder of that version's initdb, pg_ctl and postgres. Debian's own is taken where it is
# 15; others come from Maven Central, and are unpacked where the user postgres can reach them.
bring_postgres() {
  local -A full=([14]=14.18.0 [16]=16.9.0 [17]=17.5.0 [18]=18.0.0)
  local arch=amd64 jar=$STACK_CACHE/postgres-$1 folder=$STACK_STATE/postgres-$1
  [ "$1" = 15 ] && { echo "$PGBIN"; return; }
  [ "$(uname -m)" = aarch64 ] && arch=arm64v8
  bring_jars "$jar" "io.zonky.test.postgres:embedded-postgres-binaries-linux-$arch:${full[$1]}"
  if [ ! -d "$folder" ]; then
    rm -rf "$folder.part"
    mkdir -p "$folder.part"
    unzip -p "$jar"/embedded-postgres*.jar '*.txz' | tar -xJ -C "$folder.part"
    chmod -R a+rX "$folder.part"
    mv "$folder.part" "$folder"
  fi
  echo "$folder/bin"
}

# --- One PostgreSQL cluster ---

database_settings() { # NAME: sets port, database, user, password
  case $1 in
    source) port=$STACK_SOURCE_PORT database=source_db user=source_user password=source_password;;
    lake) port=$STACK_LAKE_PORT database=datalake_db user=datalake_user password=datalake_password;;
    target) port=$STACK_TARGET_PORT database=target_db user=target_user password=target_password;;
    *) die "no database called $1";;
  esac
}

# Runs a PostgreSQL program as a user that it accepts.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

database_psql() { # NAME [arguments of psql]
  local port database user password
  database_settings "$1"
  shift
  PGPASSWORD=$password PGOPTIONS='-c client_min_messages=warning' \
    psql -h 127.0.0.1 -p "$port" -U "$user" -d "$database" -XqAt -v ON_ERROR_STOP=1 "$@"
}

database_pid() { # NAME: prints the pid of a running cluster
  local data=$STACK_STATE/$1
  as_postgres "$PGBIN/pg_ctl" -D "$data" status >/dev/null 2>&1 && as_postgres head -n1 "$data/postmaster.pid"
}

database_init() { # NAME
  local data=$STACK_STATE/$1 port database user password secret
  database_settings "$1"
  mkdir -p "$data"
  if [ "$(id -u)" = 0 ]; then
    as_postgres test -x "$STACK_STATE" || die "user postgres cannot enter $STACK_STATE; set STACK_STATE to a folder that it can reach"
    chown postgres "$data"
  fi
  chmod 700 "$data"
  secret=$(as_postgres mktemp)
  as_postgres tee "$secret" <<<"$password" >/dev/null
  as_postgres "$PGBIN/initdb" -D "$data" -U "$user" -A scram-sha-256 --pwfile="$secret" -E UTF8 --locale=C.UTF-8 >/dev/null ||
    die "initdb failed in $data"
  as_postgres rm -f "$secret"
  as_postgres tee -a "$data/postgresql.conf" >/dev/null <<C
listen_addresses = '127.0.0.1'
unix_socket_directories = '$data'
wal_level = logical
max_wal_senders = 10
max_replication_slots = 20
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
timezone = 'UTC'
log_timezone = 'UTC'
C
}

database_start() { # NAME
  local data=$STACK_STATE/$1 port database user password
  database_pid "$1" >/dev/null && return
  database_settings "$1"
  [ -f "$data/PG_VERSION" ] || database_init "$1"
  as_postgres "$PGBIN/pg_ctl" -D "$data" -l "$data/log" -t 120 -w -o "-p $port -c fsync=$STACK_FSYNC" start >/dev/null </dev/null ||
    { as_postgres tail -n 5 "$data/log" >&2; die "PostgreSQL '$1' did not start on port $port (log: $data/log)"; }
  [ "$(PGPASSWORD=$password psql -h 127.0.0.1 -p "$port" -U "$user" -d postgres -XAtqc \
    "SELECT count(*) FROM pg_database WHERE datname = '$database'")" = 1 ] ||
    PGPASSWORD=$password psql -h 127.0.0.1 -p "$port" -U "$user" -d postgres -Xqc "CREATE DATABASE $database"
  if [ -f "$ROOT/sql/$1.sql" ]; then database_psql "$1" -f "$ROOT/sql/$1.sql" >/dev/null; fi
}

database_stop() { # NAME [fast|immediate]
  database_pid "$1" >/dev/null || return 0
  as_postgres "$PGBIN/pg_ctl" -D "$STACK_STATE/$1" -m "${2:-fast}" -t 60 -w stop >/dev/null
}

# --- The broker ---

# The short session lets a broker that was killed come back at once: it is refused while its former self seems alive. Retention
# goes by the records' own times, which may be those of the rows: a record stamped 2001 would be deleted within minutes.
kafka_configuration() {
  local listen='' advertised='' port=${STACK_KAFKA_PROXIED:-}
  if [ -n "$port" ]; then listen=,PROXIED://127.0.0.1:${port%:*} advertised=,PROXIED://127.0.0.1:${port#*:}; fi
  cat <<C
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$STACK_CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$STACK_KAFKA_PORT,CONTROLLER://127.0.0.1:$STACK_CONTROLLER_PORT$listen
advertised.listeners=PLAINTEXT://127.0.0.1:$STACK_KAFKA_PORT$advertised
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$STACK_STATE/kafka/data
num.partitions=1
auto.create.topics.enable=true
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.retention.ms=-1
C
}

kafka_pid() { # prints the pid of the running broker; a pid that now belongs to another program is not it
  local pid
  pid=$(cat "$STACK_STATE/kafka/pid" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$STACK_STATE/kafka/server.properties" && echo "$pid"
}

kafka_answers() { kcat -b "127.0.0.1:$STACK_KAFKA_PORT" -L -m 1 >/dev/null 2>&1; }

kafka_start() {
  local folder=$STACK_STATE/kafka jars="$STACK_CACHE/kafka-$KAFKA_VERSION/*" id
  kafka_pid >/dev/null && return
  mkdir -p "$folder"
  kafka_configuration >"$folder/server.properties"
  if [ ! -d "$folder/data" ]; then
    id=A$(head -c 16 /dev/urandom | basenc --base64url | head -c 20)A  # 22 characters: a UUID in Kafka's notation
    "$JAVA" -XX:TieredStopAtLevel=1 -cp "$jars" kafka.tools.StorageTool format -t "$id" -c "$folder/server.properties" \
      >"$folder/format.log" 2>&1 </dev/null || { tail -n 5 "$folder/format.log" >&2; die "the broker's storage could not be formatted"; }
  fi
  setsid nohup "$JAVA" -Xms256m -Xmx768m -cp "$jars" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.Kafka \
    "$folder/server.properties" >>"$folder/log" 2>&1 </dev/null &
  echo $! >"$folder/pid"
  local try
  for try in $(seq 240); do
    kafka_answers && return
    [ "$try" -gt 4 ] && ! kafka_pid >/dev/null && break
    sleep 0.25
  done
  tail -n 5 "$folder/log" >&2
  die "the broker did not start on port $STACK_KAFKA_PORT (log: $folder/log)"
}

kafka_stop() { # [TERM|KILL]
  local pid
  pid=$(kafka_pid) || return 0
  kill "-${1:-TERM}" "$pid"
  timeout 60 tail -s 0.1 --pid="$pid" -f /dev/null || kill -KILL "$pid"
  rm -f "$STACK_STATE/kafka/pid"
}

# --- Any server, by its name ---

server_pid() { if [ "$1" = kafka ]; then kafka_pid; else database_pid "$1"; fi; }
server_start() { if [ "$1" = kafka ]; then kafka_start; else database_start "$1"; fi; }

# server_stop NAME [fast|immediate]: immediate is a crash: no checkpoint, no flush.
server_stop() {
  if [ "$1" != kafka ]; then
    database_stop "$1" "${2:-fast}"
  elif [ "${2:-fast}" = immediate ]; then
    kafka_stop KILL
  else
    kafka_stop TERM
  fi
}

# --- A stack for tests and measurements ---

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets the ports of a stack to six free ones in a row, from STACK_FIRST_PORT (15430) on.
first_free_ports() {
  local base port first=${STACK_FIRST_PORT:-15430}
  for base in $(seq "$first" 20 $((first + 1000))); do
    for port in $(seq "$base" $((base + 5))); do port_is_free "$port" || continue 2; done
    break
  done
  export STACK_STATE STACK_SOURCE_PORT=$base STACK_LAKE_PORT=$((base + 1)) STACK_TARGET_PORT=$((base + 2)) \
    STACK_KAFKA_PORT=$((base + 3)) STACK_CONTROLLER_PORT=$((base + 4)) STACK_CONNECT_PORT=$((base + 5))
}

# Starts a stack of its own, on free ports and in a new folder, and stops and deletes it when the script ends. Its servers
# are exported as the tests look for them (tests/e2e/harness.py).
own_stack() {
  first_free_ports
  STACK_STATE=$(mktemp -d /var/tmp/walrelay-stack.XXXXXX)
  chmod 755 "$STACK_STATE"
  trap 'remove_own_stack' EXIT
  trap 'exit 130' INT TERM
  "$ROOT/tools/stack" up
  export STACK_KAFKA_VERSION=$KAFKA_VERSION WALRELAY_TEST_STACK=1 WALRELAY_TEST_KAFKA=127.0.0.1:$STACK_KAFKA_PORT \
    WALRELAY_TEST_SOURCE="host=127.0.0.1 port=$STACK_SOURCE_PORT dbname=source_db user=source_user password=source_password" \
    WALRELAY_TEST_LAKE="host=127.0.0.1 port=$STACK_LAKE_PORT dbname=datalake_db user=datalake_user password=datalake_password" \
    WALRELAY_TEST_TARGET="host=127.0.0.1 port=$STACK_TARGET_PORT dbname=target_db user=target_user password=target_password"
}

remove_own_stack() {
  "$ROOT/tools/stack" down immediate || true
  rm -rf "$STACK_STATE"
}

# --- The build ---

# build PRESET [options of cmake]: configures and builds it; prints only what went wrong.
# build PRESET TARGET [arguments of cmake]
build() {
  local preset=$1 target=$2 log=$ROOT/build/$1.log
  shift 2
  mkdir -p "$ROOT/build"
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1  # another clone of the same source finds what this one has compiled
  say "building $preset"
  if ! (cd "$ROOT" && cmake --preset "$preset" "$@" && cmake --build --preset "$preset" --target "$target") >"$log" 2>&1 </dev/null; then
    grep -E -m 20 'FAILED|error|Error' "$log" >&2 || tail -n 20 "$log" >&2
    die "the build failed (log: $log)"
  fi
}
