"""Fills the table "default" of a node with 100,000 records k000000…k099999, and says how many value bytes that were.

  load.py PORT TOKEN small            values of about 100 bytes, those of put100.lua
  load.py PORT TOKEN FILE             the values of a file of redis SET commands (gen_lorem.py writes one)

PUTs are sent 64 at a time on one connection, and every answer is checked.
"""
import socket, sys

BATCH = 64


def small():
    for i in range(100_000):
        value = b'{"id":%5d,"pad":"%s","ok":true}' % (i, b"x" * 64)
        yield b"k%06d" % i, value


def commands(path):
    with open(path, "rb") as file:
        while file.readline():  # "*3"
            parts = []
            for _ in range(3):
                length = int(file.readline()[1:])
                parts.append(file.read(length))
                file.read(2)
            yield parts[1], parts[2]


def put(key, value, token):
    body = b'{"value":' + value + b"}"
    return (
        b"PUT /default/key/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (key, token, len(body), body)
    )


def answers(stream, count):
    for _ in range(count):
        status = stream.readline()
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, text = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(text)
        body = stream.read(length)
        if b" 201 " not in status:
            sys.exit(f"load.py: {status!r} {body!r}")


def main():
    port, token, source = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    batch, total = [], 0
    for key, value in small() if source == "small" else commands(source):
        total += len(value)
        batch.append(put(key, value, token))
        if len(batch) == BATCH:
            connection.sendall(b"".join(batch))
            answers(stream, len(batch))
            batch = []
    if batch:
        connection.sendall(b"".join(batch))
        answers(stream, len(batch))
    print(total)


main()
