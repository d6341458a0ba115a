#!/usr/bin/env bash
# A drill: is a copy that `manage.py backup` made worth anything? Brings it back into a throw-away home with a server of its own,
# looks whether every file has its bytes, proves the isolation with its attacks, verifies the trail, and leaves nothing. Tried by
# tests/growing/ as it stands.
#
#     docs/example/drill.sh /srv/backups/2026-11-26 /srv/keys/secrets.json
#
# The second file holds the keys: secrets.json of the installation's home. Where files lie in an object store, name the bucket, or the
# copy of it, in the environment (FILES_S3_…), with a key that may list it and nothing else: nothing is written or removed there.
set -euo pipefail
copy=$(realpath "$1")
keys=$(realpath "$2")
python="${PYTHON:-.venv/bin/python}"

home=$(mktemp -d "${TMPDIR:-/tmp}/aiaxis-drill-XXXXXX")
trap 'rm -rf "$home"' EXIT
export AIAXIS_HOME="$home"
for name in $(compgen -e | grep -E '^(DATABASE_|CACHE_URL$)' || true); do unset "$name"; done
install -m 600 "$keys" "$home/secrets.json"

step() { printf '\n== %s (%s)\n' "$*" "$(date -u +%H:%M:%SZ)"; }

step "brought back into $home"
"$python" manage.py restore "$copy"
step "the bytes of files"
"$python" manage.py check_files
step "the isolation, with every attack"
"$python" manage.py prove_isolation --attack
step "the trail"
"$python" manage.py verify_audit
step "the copy is worth something"
