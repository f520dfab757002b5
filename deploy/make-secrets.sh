#!/bin/sh
# Makes every secret that compose.yaml uses, in deploy/secrets or the folder given, and leaves alone what is there: to
# change one, delete its file and run this again (docs/deploy.md says what else that takes). Needs openssl, nothing else.
set -eu
umask 077
folder=${1:-$(dirname -- "$0")/secrets}
mkdir -p -- "$folder"
cd -- "$folder"
# Only you get into the folder. In the containers each file is read by that image's own user, so the files say nothing.
chmod 700 .

# write NAME: standard input becomes the secret, whole or not at all.
write() {
  cat >"$1.new"
  chmod 444 "$1.new"
  mv -f -- "$1.new" "$1"
}
missing() { [ ! -s "$1" ]; }
random() { if missing "$1"; then openssl rand -hex 24 | write "$1"; fi; }
key() { if missing "$1"; then openssl rand -base64 32 | write "$1"; fi; }

# Keyledger's own.
key master-key
key pepper
random admin-password

# EventStoreDB: an authority, and a certificate of it for the server. ca.key goes into no container.
random eventstore-admin-password
random eventstore-ops-password
if missing ca.key || missing eventstore-ca.crt; then
  rm -f eventstore.crt eventstore.key
  openssl req -x509 -newkey rsa:3072 -nodes -sha256 -days 3650 -subj '/O=Keyledger/CN=Keyledger stores' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout ca.key.new -out ca.crt.new 2>/dev/null
  write eventstore-ca.crt <ca.crt.new
  chmod 400 ca.key.new
  mv -f ca.key.new ca.key
  rm -f ca.crt.new
fi
if missing eventstore.crt || missing eventstore.key; then
  printf '%s\n' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature,keyEncipherment' \
    'extendedKeyUsage=serverAuth,clientAuth' 'subjectAltName=DNS:eventstore,DNS:localhost,IP:127.0.0.1' >extensions.new
  openssl req -newkey rsa:3072 -nodes -sha256 -subj '/CN=eventstoredb-node' \
    -keyout node.key.new -out node.csr.new 2>/dev/null
  openssl x509 -req -sha256 -days 825 -in node.csr.new -CA eventstore-ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" \
    -extfile extensions.new -out node.crt.new 2>/dev/null
  write eventstore.key <node.key.new
  write eventstore.crt <node.crt.new
  rm -f extensions.new node.csr.new node.key.new node.crt.new
fi

# MongoDB: the file by which members of the replica set know each other, and two users.
if missing mongodb-keyfile; then openssl rand -base64 741 | write mongodb-keyfile; fi
random mongodb-root-password
random mongodb-password

# NATS: three users.
if missing nats-passwords.conf; then
  for user in PUBLISHER SUBSCRIBER ADMINISTRATOR; do
    printf '%s_PASSWORD: "%s"\n' "$user" "$(openssl rand -hex 24)"
  done | write nats-passwords.conf
fi

# What follows from the others is written anew each time.
write eventstore-url <<URL
esdb://admin:$(cat eventstore-admin-password)@eventstore:2113?tls=true&tlsCAFile=/run/secrets/eventstore-ca.crt
URL
write mongodb-url <<URL
mongodb://keyledger:$(cat mongodb-password)@mongodb:27017/?replicaSet=rs0&authSource=admin
URL
write nats-url <<URL
nats://publisher:$(sed -n 's/^PUBLISHER_PASSWORD: "\(.*\)"$/\1/p' nats-passwords.conf)@nats:4222?maxBytes=1000000000
URL

echo "The secrets are in $(pwd): keep a copy of master-key and pepper apart from every other backup."
