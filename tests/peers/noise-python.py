"""One side of a Noise handshake and of a conversation over TCP, by PyPI's
noiseprotocol. Arguments, wire and conversation are those of noise.c.
"""

import socket
import sys

from noise.connection import Keypair, NoiseConnection

PROLOGUE = b"neural-swarm and its peers"
TEXTS = [5, 0, 1, 1000, 16, 65535 - 16]


def receive(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            sys.exit("noise-python: the connection broke")
        data += more
    return data


def receive_frame(connection):
    return receive(connection, int.from_bytes(receive(connection, 2), "big"))


def send_frame(connection, data):
    connection.sendall(len(data).to_bytes(2, "big") + bytes(data))


def text(number, length, mask):
    return bytes(((number + 7 * at) & 0xFF) ^ mask for at in range(length))


def main():
    role, protocol, own, known, psks, expected = sys.argv[1:7]
    initiator = role == "initiator"
    noise = NoiseConnection.from_name(protocol.encode())
    noise.set_prologue(PROLOGUE)
    if own != "-":
        noise.set_keypair_from_private_bytes(Keypair.STATIC, bytes.fromhex(own))
    if known != "-":
        noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, bytes.fromhex(known))
    if psks != "-":
        keys = bytes.fromhex(psks)
        noise.set_psks(psks=[keys[at : at + 32] for at in range(0, len(keys), 32)])

    if initiator:
        noise.set_as_initiator()
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[7])))
    else:
        noise.set_as_responder()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print("port", listener.getsockname()[1], flush=True)
            connection = listener.accept()[0]
    noise.start_handshake()
    # The library forgets the state of the handshake with its last message.
    state = noise.noise_protocol.handshake_state
    writes, number = initiator, 0
    while not noise.handshake_finished:
        payload = b"message %d" % number
        if writes:
            send_frame(connection, noise.write_message(payload))
        else:
            assert noise.read_message(receive_frame(connection)) == payload, "another payload"
        writes, number = not writes, number + 1
    if expected != "-":
        assert state.rs.public_bytes == bytes.fromhex(expected), "the peer is somebody else"

    for number, length in enumerate(TEXTS + TEXTS):
        if number == len(TEXTS):
            noise.rekey_outbound_cipher()
            noise.rekey_inbound_cipher()
        question, answer = text(number, length, 0), text(number, length, 0xFF)
        if initiator:
            send_frame(connection, noise.encrypt(question))
            assert noise.decrypt(receive_frame(connection)) == answer, "another text"
        else:
            assert noise.decrypt(receive_frame(connection)) == question, "another text"
            send_frame(connection, noise.encrypt(answer))
    print("hash", noise.get_handshake_hash().hex())


main()
