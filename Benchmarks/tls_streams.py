"""tls_streams.py PORT TOKEN PID STREAMS: opens so many TLS streams on one key while it changes, and says what each costs.

Every fiftieth stream that opens is followed by a change, and when all are open twenty more come. Each stream must show every
change since it opened. Prints a line of JSON: KiB of RSS of the process PID for each stream, and what was missed.
"""
import http.client, json, select, socket, ssl, sys, time

port, token, pid, streams = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
request = b"GET /default/subscribe/k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
writer = http.client.HTTPSConnection("127.0.0.1", port, context=context)
changes = 0


def rss_kib():
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def change():
    global changes
    changes += 1
    writer.request(
        "PUT", "/default/key/k", b'{"value":{"number":%d}}' % changes, {"Authorization": f"Bearer {token}"}
    )
    answer = writer.getresponse()
    answer.read()
    if answer.status != 201:
        sys.exit(f"tls_streams.py: {answer.status}")


class Stream:
    """One connection, how many changes there were before it, and which it has shown."""

    def __init__(self):
        self.connection = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        self.connection.sendall(request)
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.connection.recv(4096)
        if b" 200 " not in text[:20]:
            sys.exit(f"tls_streams.py: {text!r}")
        self.connection.setblocking(False)
        self.before, self.seen, self.rest = changes, set(), b""
        self.take(text)

    def take(self, text):
        *lines, self.rest = (self.rest + text).split(b"\n")
        for line in lines:
            number = line.partition(b'"number":')[2]
            if number:
                self.seen.add(int(number[: number.index(b"}")]))

    def read(self):
        try:
            while text := self.connection.recv(1 << 14):
                self.take(text)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        sys.exit("tls_streams.py: a stream has ended")


def receive(all_streams, poll):
    """Reads until nothing comes for half a second."""
    while events := poll.poll(0.5):
        for descriptor, _ in events:
            all_streams[descriptor].read()


change()
# What the first connections of a process cost once is not theirs.
for _ in range(20):
    Stream().connection.close()
time.sleep(0.5)
before = rss_kib()
opened, poll = {}, select.epoll()
for number in range(streams):
    stream = Stream()
    opened[stream.connection.fileno()] = stream
    poll.register(stream.connection.fileno(), select.EPOLLIN)
    if number % 50 == 49:
        change()
        for descriptor, _ in poll.poll(0):
            opened[descriptor].read()
for _ in range(20):
    change()
receive(opened, poll)
time.sleep(0.5)
after = rss_kib()
missed = sum(len(set(range(stream.before + 1, changes + 1)) - stream.seen) for stream in opened.values())
print(json.dumps({
    "bench": "tls-streams", "label": "dynaswift", "streams": streams, "changes": changes, "missed": missed,
    "rss_before_kib": before, "rss_after_kib": after, "rss_kib_per_stream": round((after - before) / streams, 2),
}))
