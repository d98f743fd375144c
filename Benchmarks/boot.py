"""boot.py PORT PATH COMMAND…: starts COMMAND, prints the milliseconds until GET PATH is answered with 200, and its pid."""
import socket, subprocess, sys, time

port, path = int(sys.argv[1]), sys.argv[2].encode()
request = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % path
began = time.monotonic()
process = subprocess.Popen(sys.argv[3:], stdout=subprocess.DEVNULL, stderr=open(f"log.{port}", "ab"))
while time.monotonic() - began < 60 and process.poll() is None:
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
            if connection.recv(4096).startswith(b"HTTP/1.1 200"):
                break
    except OSError:
        pass
    time.sleep(0.001)
else:
    sys.exit(f"boot.py: no answer; see log.{port}")
print(round((time.monotonic() - began) * 1e3, 1), process.pid)
