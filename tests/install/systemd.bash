#!/bin/bash
# systemd.bash: run by a service of the system that scripts/test-systemd boots, in which portd is installed. Writes a line for each case, beginning with
# "ok" or "FAILED", and turns the system off.
set -u
exec >/opt/portd/said 2>&1
export PORTD_CONFIG=none
portctl() { timeout 60 /usr/bin/portctl --system "$@"; }
property() { systemctl show portd.service --property "$1" --value; }
keeper() { property MainPID; }
broker() { portctl status --json | sed -nE 's/.*"pid": ?([0-9]+).*/\1/p'; }
held() { portctl get web -- readlink /proc/self/fd/3; }
expect() { # WHAT SAID EXPECTED
  if [ "$2" = "$3" ]; then
    echo "ok $1"
  else
    echo "FAILED $1: \"$2\" and not \"$3\""
  fi
}
until_other() { # COMMAND PID: until the command prints another number than that
  local now
  for _ in {1..1200}; do
    now=$("$1" 2>/dev/null)
    if [ "${now:-0}" != 0 ] && [ "$now" != "$2" ]; then return; fi
    sleep 0.1
  done
  echo "FAILED no other $1 than $2 within two minutes"
}
child() { tr -d ' ' 2>/dev/null <"/proc/$1/task/$1/children"; }
child_of_keeper() { child "$(keeper)"; }

# ---- first use ----------------------------------------------------------------------------------------------------------

expect "nothing runs before the first use" "$(systemctl is-active portd.service)" inactive
expect "the socket waits" "$(systemctl is-active portd.socket)" active
portctl ping >/dev/null
expect "the first use starts portd" "$(systemctl is-active portd.service)" active
expect "the keeper is the main process, and the broker its child" "$(child "$(keeper)")" "$(broker)"
expect "the manager waits for the watchdog" "$(property WatchdogUSec)" 30s
portctl put web listen unix:@web >/dev/null
listener=$(held)
expect "a listener is held" "${listener%%:*}" socket
expect "the manager has it, and the numbers" "$(property NFileDescriptorStore)" 2

# ---- deaths -------------------------------------------------------------------------------------------------------------

main=$(keeper) was=$(broker)
kill -9 "$was"
until_other broker "$was"
expect "it outlives the broker" "$(held)" "$listener"
expect "the keeper goes on" "$(keeper)" "$main"

kill -9 "$main"
until_other keeper "$main"
expect "it outlives the keeper" "$(held)" "$listener"

main=$(keeper)
systemctl restart portd.service
expect "a restart starts another keeper" "$([ "$(keeper)" != "$main" ] && echo yes)" yes
expect "it outlives a restart" "$(held)" "$listener"

systemctl reload portd.service
expect "a reload succeeds" "$?, $(systemctl is-active portd.service)" "0, active"

main=$(keeper)
for _ in {1..10}; do
  was=$(child_of_keeper)
  kill -9 "$was"
  until_other child_of_keeper "$was"
done
expect "it outlives ten brokers in a row" "$(held)" "$listener"
expect "the keeper of ten brokers goes on" "$(keeper)" "$main"
for _ in {1..10}; do
  was=$(keeper)
  kill -9 "$was"
  until_other keeper "$was"
done
expect "it outlives ten keepers in a row" "$(held)" "$listener"
expect "socket and service are active after that" "$(systemctl is-active portd.socket portd.service | tr '\n' ' ')" "active active "

# ---- silence ------------------------------------------------------------------------------------------------------------

main=$(keeper) was=$(broker)
kill -STOP "$was"
until_other child_of_keeper "$was"
expect "a silent broker is replaced" "$(held)" "$listener"
expect "by its keeper" "$(keeper)" "$main"

# Each is stopped before it answers, so nothing is started here meanwhile: the third one is the manager's.
main=$(keeper) was='' end=$((SECONDS + 300))
while [ -d "/proc/$main" ] && [ "$SECONDS" -lt "$end" ]; do
  now=''
  read -r now _ 2>/dev/null <"/proc/$main/task/$main/children" || true # it has no end of line
  if [ -n "$now" ] && [ "$now" != "$was" ]; then
    kill -STOP "$now"
    was=$now
  fi
done
until_other keeper "$main"
expect "what goes on failing the manager starts anew" "$([ "$(keeper)" != "$main" ] && echo yes)" yes
expect "it outlives that" "$(held)" "$listener"

systemctl stop portd.service portd.socket
systemctl start portd.socket
expect "a stop ends what is held" "$(portctl list holds --json 2>&1 | grep -c web)" 0
systemctl status portd.service --no-pager
systemctl poweroff --no-block
