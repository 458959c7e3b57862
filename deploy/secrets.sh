#!/bin/sh
# Writes the secrets of compose.yaml into the directory secrets, unless they exist. Keep a copy of secrets/key: without
# it, stored API keys of Stash servers cannot be decrypted.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
# without a line break at the end: not everything that reads a secret removes it
write() { [ -s "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }
write postgres_password "$(random | tr -d '=')"
write database_url "postgresql://stash:$(cat secrets/postgres_password)@postgres:5432/stash"
write key "$(random)"
# The containers read the files as their own users; the directory keeps others of this host out.
chmod 700 secrets
chmod 644 secrets/*
