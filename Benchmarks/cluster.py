"""What the rows of clusters measure that no load generator does.

  cluster.py event WRITER READER TOKEN COUNT    writes on one node's port, reads the events on another's, one at a time
  cluster.py agree PORT PORT…                   waits until the nodes' records are the same, byte for byte
"""
import hashlib, json, os, socket, statistics, sys, tempfile, time, urllib.request


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def disk():
    """The median microseconds of an fdatasync of 4 KiB."""
    times = []
    with tempfile.TemporaryFile(dir=os.getcwd()) as file:
        file.write(bytes(4 << 20))
        file.flush()
        os.fsync(file.fileno())
        for index in range(200):
            os.pwrite(file.fileno(), os.urandom(4096), index * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


def event(writer, reader, token, count):
    stream = connect(reader)
    stream.sendall(b"GET /default/subscribe/k HTTP/1.1\r\nHost: x\r\n\r\n")
    seen = b""
    while b": subscribed" not in seen:
        seen += stream.recv(4096)
    seen = b""
    link = connect(writer)
    times = []
    for number in range(count):
        mark = b'"number-%d"' % number
        body = b'{"value":' + mark + b"}"
        head = "PUT /default/key/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
        began = time.perf_counter()
        link.sendall((head % (token, len(body))).encode() + body)
        while mark not in seen:
            seen = seen[-4096:] + stream.recv(4096)
        times.append((time.perf_counter() - began) * 1e6)
        answer = b""
        while mark not in answer:
            answer += link.recv(4096)
        time.sleep(0.005)
    times.sort()
    result = {"bench": "cluster", "label": "event", "p50_us": round(times[count // 2]), "disk_us": round(disk())}
    result["p99_us"] = round(times[count * 99 // 100])
    print(json.dumps(result))


def digest(port):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/store", headers={"x-api-key": "bench-cluster-secret"})
    with urllib.request.urlopen(request) as answer:
        return hashlib.file_digest(answer, "sha256").hexdigest()


def agree(ports):
    began = time.monotonic()
    while time.monotonic() - began < 60:
        found = [digest(port) for port in ports]
        if len(set(found)) == 1:
            return print(f"the same on {len(ports)} nodes after {time.monotonic() - began:.1f} s")
        time.sleep(0.3)
    sys.exit("cluster.py: the nodes differ")


if sys.argv[1] == "event":
    event(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
else:
    agree([int(port) for port in sys.argv[2:]])
