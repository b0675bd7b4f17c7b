"""Hosts of this machine's own: namespaces with a network, a name and a clock each, joined by veth pairs and a switch."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from drills import Unfit, ask, check_h5py, expect  # noqa: E402

HERE = Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
TOOLS = {"ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux"}
PORT = 5555


def start(command, log=None, **options):
    """A process that ends with this one at the latest."""
    output = log or subprocess.PIPE
    return subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output,
        stderr=log or None, preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **options)


def check_machine():
    if os.geteuid() != 0:
        raise Unfit("hosts of its own are made as root")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        raise Unfit(f"missing: {', '.join(missing)} (apt-get install {' '.join(missing)})")
    check_h5py()
    kinds = ["--net", "--uts", "--time"]
    found = subprocess.run(["unshare", *kinds, "--fork", "ip", "link", "add", "name", "eth0", "type", "veth", "peer",
                            "name", "eth1"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if found.returncode:
        raise Unfit(f"this machine makes no namespaces with veth pairs: {found.stderr.strip()}")


def faketime():
    """The library that shifts a process's wall clock, which no namespace does; None where it is not installed."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


class Host:
    """A network, a name and where it is asked for a clock of its own, for as long as its first process lives."""

    def __init__(self, name, address=None, clock_ahead=0):
        self.name, self.address = name, address
        self.kinds = ["--net", "--uts"]
        command = ["unshare", *self.kinds]
        self.environment = dict(os.environ)
        if clock_ahead:
            self.kinds.append("--time")
            command += ["--time", "--monotonic", clock_ahead, "--boottime", clock_ahead]
            if library := faketime():
                self.environment |= {"LD_PRELOAD": str(library), "FAKETIME": f"+{clock_ahead}",
                                     "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        command += ["--fork", "--kill-child", "sh", "-c", f"hostname {name}; echo $$; exec sleep infinity"]
        self.holder = start(command)
        self.process = int(self.holder.stdout.readline())
        self.ask("ip", "link", "set", "lo", "up")

    def within(self, *command):
        return ["nsenter", f"--target={self.process}", *self.kinds, "--", *command]

    def ask(self, *command):
        return ask(*self.within(*command))

    def start(self, *command, log=None):
        return start(self.within(*command), log=log, env=self.environment)

    def tell(self, *command):
        """As a node of the host would: with its wall clock, too."""
        process = self.start(*command)
        return process.communicate()[0].decode().strip()

    def cut_off(self):
        self.ask("ip", "link", "set", "eth0", "down")

    def bring_back(self):
        self.ask("ip", "link", "set", "eth0", "up")

    def end(self):
        self.holder.kill()
        self.holder.wait()


class Network:
    """Three hosts: 20 ms between any two of them is 40 ms for a question and its answer."""

    def __init__(self, delay=20, stall=0, clock_ahead=0):
        self.hosts = []
        self.middle = Host("middle")
        for number, name in enumerate(["first", "second", "third"], 1):
            host = Host(name, f"10.77.0.{number}", clock_ahead if name == "third" else 0)
            self.hosts.append(host)
            self.middle.ask("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns",
                            host.process)
            self.middle.ask("ip", "link", "set", f"to-{name}", "up")
            host.ask("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
            host.ask("ip", "link", "set", "eth0", "up")
        self.switch = self.middle.start(
            HERE / "switch", delay, stall, *(f"to-{host.name}" for host in self.hosts))
        expect(self.switch.stdout.readline() == b"ready\n", "the switch has not begun")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.switch.kill()
        self.switch.wait()
        for host in [*self.hosts, self.middle]:
            host.end()

    def measure(self):
        """Seconds of a question and its answer, and bytes a second, from the second host to the first."""
        first, second = self.hosts[:2]
        sink = first.start(sys.executable, "-c", SINK, first.address)
        sink.stdout.readline()
        answer = second.ask(sys.executable, "-c", SOURCE, first.address)
        sink.wait()
        return [float(word) for word in answer.split()]


SINK = f"""
import socket, sys
with socket.create_server((sys.argv[1], {PORT})) as server:
    print("ready", flush=True)
    for _ in range(6):
        peer, _ = server.accept()
        while peer.recv(1 << 20):
            pass
        peer.close()
"""
SOURCE = f"""
import socket, sys, time
trips = []
for _ in range(5):
    began = time.monotonic()
    socket.create_connection((sys.argv[1], {PORT})).close()
    trips.append(time.monotonic() - began)
peer = socket.create_connection((sys.argv[1], {PORT}))
# The first seconds are those in which TCP finds out how much it may send.
data, sent, began, end = bytes(1 << 20), 0, 0, time.monotonic() + 4
while time.monotonic() < end:
    peer.sendall(data)
    if not began and time.monotonic() > end - 2:
        began, sent = time.monotonic(), 0
    sent += len(data)
print(min(trips), sent / (time.monotonic() - began))
"""
