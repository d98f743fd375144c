"""handshakes.py ROUNDS SECONDS CORE LABEL,PORT,PID[+PID…] …: full TLS 1.3 handshakes, one after the other, and what they cost.

The client is `openssl s_time -new` on its core, which verifies nothing but the signature. The targets take turns. A line of JSON a
round and target: CPU µs of the server's threads a handshake, and how many a second are one core's at that price.
"""
import glob, json, re, subprocess, sys


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path) as file:
                total += int(file.read().split()[0])
    return total / 1e9


def measure(port, pids, seconds, core):
    command = ["taskset", "-c", core, "openssl", "s_time", "-new", "-tls1_3", "-connect", f"127.0.0.1:{port}", "-time", seconds]
    began = cpu_seconds(pids)
    text = subprocess.run(command, capture_output=True, text=True).stdout
    spent = cpu_seconds(pids) - began
    found = re.search(r"(\d+) connections in (\d+) real seconds", text)
    if not found or int(found[1]) == 0:
        sys.exit(f"handshakes.py: s_time at port {port}: {text[-300:]}")
    return int(found[1]), spent


rounds, seconds, core = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for number in range(rounds):
    for target in sys.argv[4:]:
        label, port, pids = target.split(",")
        count, spent = measure(port, pids.split("+"), seconds, core)
        print(json.dumps({
            "bench": "handshakes", "label": label, "round": number, "handshakes": count,
            "us_handshake": round(spent / count * 1e6, 1), "per_core_second": round(count / spent),
        }), flush=True)
