"""The client of tls-openssl: openssl s_client for TLS, openssl for the keys, and
the bytes of docs/link-tls.md by hand. Arguments: the folder with the certificates
and the server; `right`, or `wrong` for a proof that is good on another connection.
"""

import os
import re
import struct
import subprocess
import sys

folder, proof = sys.argv[1:]
DOMAIN = b"neural-swarm tls identity v1"


def path(name):
    return os.path.join(folder, name)


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def write(name, data):
    with open(path(name), "wb") as file:
        file.write(data)
    return path(name)


def sign(message):
    return openssl("pkeyutl", "-sign", "-rawin", "-inkey", path("identity.key"), "-in",
                   write("message", message))


def verify(key, message, signature):
    # RFC 8410: what goes before the 32 bytes of a public key of Ed25519.
    der = write("peer.der", bytes.fromhex("302a300506032b6570032100") + key)
    openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", der,
            "-in", write("message", message), "-sigfile", write("signature", signature))


openssl("genpkey", "-algorithm", "ed25519", "-out", path("identity.key"))
identity = openssl("pkey", "-in", path("identity.key"), "-pubout", "-outform", "DER")[-32:]
server = subprocess.Popen([path("server"), folder, identity.hex()], stdout=subprocess.PIPE)
address, expected = (server.stdout.readline().decode().strip() for _ in range(2))

client = subprocess.Popen(
    ["openssl", "s_client", "-connect", address, "-servername", "node.example", "-CAfile",
     path("ca.pem"), "-cert", path("node.pem"), "-key", path("node.key"), "-tls1_3", "-nocommands",
     "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
seen = b""


def find(pattern, behind=0):
    """Where it is in what the client has written, with so many bytes behind it."""
    global seen
    while True:
        found = re.search(pattern, seen, re.DOTALL)
        if found and len(seen) >= found.end() + behind:
            return found
        more = os.read(client.stdout.fileno(), 4096)
        if not more:
            sys.exit(f"tls-openssl: the connection ended: {seen[-300:]!r}")
        seen += more


exporter = bytes.fromhex(find(rb"Keying material: ([0-9A-F]{64})\r?\n").group(1).decode())
signed = DOMAIN + b"\0" + (exporter if proof == "right" else bytes(32))
hello = b"\x01\x00" + identity + sign(signed)
for frame in [hello, b"\x01", b"from OpenSSL"]:
    client.stdin.write(struct.pack("<H", len(frame)) + frame)
client.stdin.flush()

# The server's first frame: 98 bytes of version 1 without anything behind.
at = find(rb"\x62\x00\x01\x00", 96).end()
other, signature = seen[at:at + 32], seen[at + 32:at + 96]
assert other.hex() == expected, "the server says who it is"
verify(other, DOMAIN + b"\x01" + exporter, signature)

output = server.communicate(timeout=60)[0].decode().splitlines()
client.kill()
wanted = ["accepted", "from OpenSSL"] if proof == "right" else ["refused"]
if server.returncode != 0 or output != wanted:
    sys.exit(f"tls-openssl: with the {proof} proof the server says {output}")
