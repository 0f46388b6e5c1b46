# portctl stats.

load setup

setup() { usual_setup; }
teardown() { usual_teardown; }

# The number of that name and label.
number() {
  portctl stats -j | jq --arg name "$1" --arg of "${2-}" \
    '[.[] | select(.name == $name and ($of == "" or any(.labels[]; . == $of))) | .value] | first'
}

@test "a table: name, labels, value" {
  both portctl stats
  exits 0
  [ -z "$error" ]
  grep -qE '^NAME +LABELS +VALUE$' <<<"$output"
  grep -qE '^broker +version=[0-9.]+ engine=epoll identity=[a-z-]+ +1$' <<<"$output"
  grep -qE '^uptime +- +[0-9]+' <<<"$output"
  grep -qE '^requests +outcome=done +[1-9]' <<<"$output"
  grep -qE "^user_used +uid=$(id -u) resource=sessions +[1-9]" <<<"$output"
  [ "$(portctl stats --columns=name,type,unit --no-legend | grep '^port_bytes' | tr -s ' ' | sort -u)" = \
    "port_bytes counter bytes" ]
}

@test "JSON: an array, one object for each number" {
  both portctl stats -j
  exits 0
  [ "$(jq -c 'map(type) | unique' <<<"$output")" = '["object"]' ]
  [ "$(jq -c '.[] | select(.name == "uptime") | [.labels, .type, .unit, .value > 0]' <<<"$output")" = \
    '[{},"gauge","microseconds",true]' ]
  [ "$(jq '[.[] | select(.help | length == 0)] | length' <<<"$output")" -eq 0 ]
  [ "$(portctl stats --json=lines | jq -r .name | uniq)" = "$(jq -r '.[].name' <<<"$output" | uniq)" ]
  [ "$(jq -r '.[].name' <<<"$output" | uniq | sort | uniq -d)" = "" ]
}

@test "numbers grow by what is done" {
  open_fifo
  before=$(number posts ready)
  portctl sem fd 5 --mode write
  [ "$(number posts ready)" -eq $((before + 1)) ]
  [ "$(number objects semaphore)" -eq 1 ]
  portctl evt fd 5 --mode read
  [ "$(number descriptors)" -eq 1 ]
  both portctl show 8
  [ "$(number refusals not_found)" -eq 1 ]
}

@test "a code has one spelling, and ordinary work refuses nothing" {
  seq=$(portctl monitor --once -j | tail -n 1 | jq .seq)
  both portctl show 8
  code=$(portctl monitor --after "$seq" --once -j | jq -r 'select(.event == "refused") | .code')
  [ "$(jq -r .error.code <<<"$(portctl show 8 -j 2>&1 || true)")" = "$code" ]
  [ "$(number refusals "$code")" -eq 2 ]
  refused=$(number requests refused)
  unset PORTD_SESSION
  for call in status list "session list"; do
    # shellcheck disable=SC2086
    both portctl $call
    exits 0
  done
  [ "$(number requests refused)" -eq "$refused" ]
  [ "$(number refusals "$code")" -eq 2 ]
}

@test "another user gets its own numbers, and no sums" {
  need_other_user
  serve_everybody
  both as_other stats -j
  exits 0
  [ "$(jq -c '[.[] | select(.name | startswith("user_") | not) | [.name, .labels.slots]]' <<<"$output")" = \
    '[["broker",null],["uptime",null],["table","limit"]]' ]
  [ "$(jq -c '[.[] | select(.name | startswith("user_")) | .labels.uid] | unique' <<<"$output")" = '["1000"]' ]
  both as_other stats --openmetrics
  exits 0
  [ "${lines[-1]}" = "# EOF" ]
}

@test "it joins no session and leaves none" {
  before=$(portctl session list -j | jq length)
  PORTD_SESSION=nonsense portctl stats >/dev/null
  [ "$(portctl session list -j | jq length)" -eq "$before" ]
}

@test "--openmetrics is text that readers of OpenMetrics take" {
  both portctl stats --openmetrics
  exits 0
  [ -z "$error" ]
  [ "${lines[-1]}" = "# EOF" ]
  python3 - "$output" <<'CHECK'
import re, sys

name = r"[a-z_][a-z0-9_]*"
sample = re.compile(r'(%s)(?:\{(%s="(?:[^"\\\n]|\\["\\n])*"(?:,%s="(?:[^"\\\n]|\\["\\n])*")*)\})? ([0-9]+(?:\.[0-9]+)?)' % (name, name, name))
suffix = {"counter": "_total", "gauge": "", "info": "_info"}
seen, family, kind, samples = {}, None, None, set()
lines = sys.argv[1].split("\n")
assert lines[-1] == "# EOF"
for line in lines[:-1]:
    words = line.split(" ", 3)
    if words[:2] == ["#", "TYPE"]:
        family, kind = words[2], words[3]
        assert re.fullmatch("portd_" + name, family), line
        assert family not in seen, line
        assert kind in suffix, line
        seen[family] = {"TYPE"}
    elif words[0] == "#":
        assert words[1] in ("UNIT", "HELP") and words[2] == family and words[1] not in seen[family], line
        if words[1] == "UNIT":
            assert family.endswith("_" + words[3]), line
        seen[family].add(words[1])
    else:
        match = sample.fullmatch(line)
        assert match, line
        assert match[1] == family + suffix[kind], line
        assert (match[1], match[2]) not in samples, line
        samples.add((match[1], match[2]))
        assert kind == "gauge" or "." not in match[3], line
assert all("HELP" in parts for parts in seen.values())
assert len(samples) > 50
CHECK
  grep -qE '^portd_uptime_seconds [0-9]+\.[0-9]{6}$' <<<"$output"
  grep -qE '^portd_requests_total\{outcome="done"\} [1-9]' <<<"$output"
}

@test "--openmetrics has no JSON form and no columns" {
  refuses stats x
  both portctl stats --openmetrics -j
  exits 2
  [ -z "$output" ]
  both portctl stats --openmetrics --columns=name
  exits 2
  [ -z "$output" ]
  both portctl stats --columns=nonsense
  exits 2
}

@test "no broker: 3, and none is started" {
  stop_broker
  both portctl stats
  exits 3
  [ -z "$output" ]
  both portctl stats --openmetrics
  exits 3
  [ -z "$output" ]
}

# Another process that shares the pipe may have made it so; nothing of the answer may be lost.
@test "a standard output that is full and does not block is waited for" {
  python3 "$PORTD_SOURCE/tests/cli/full.py" "$PORTCTL_BIN" stats --openmetrics >"$BATS_TEST_TMPDIR/answer" 3>&-
  [ "$(wc -c <"$BATS_TEST_TMPDIR/answer")" -gt 8192 ]
  [ "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" = "# EOF" ]
}
