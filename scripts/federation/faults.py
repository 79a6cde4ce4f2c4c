"""
Runs a Flower federation with TLS and known clients on this machine, in which things go wrong: a client with another model, one with an
empty folder, one that is killed in a round, a SuperLink that is killed in a round. Prints the result of every round, and fails if a
finished round is lost.

usage: faults.py MODEL SHARE SHARE MEASURED LABELS [THAW]
  MODEL     an .onnx file
  SHARE     labelled images of a client
  MEASURED  labelled images of the server
  LABELS    a,b,c
  THAW      the command for Thaw; thaw by default

Needs Flower in the Python that runs it, openssl and ssh-keygen. Takes a few minutes.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

model, *shares, measured, labels = sys.argv[1:6]
thaw = sys.argv[6] if len(sys.argv) > 6 else "thaw"
here = Path(mkdtemp(prefix="thaw-federation-"))
flower = Path(sys.executable).parent
PORT = 18443
environment = {**os.environ, "HOME": str(here), "PATH": f"{flower}:{os.environ['PATH']}", "FLWR_DISABLE_UPDATE_CHECK": "1"}
started: list[subprocess.Popen] = []


def run(*words: str | Path, **more) -> str:
    done = subprocess.run([*map(str, words)], cwd=here, env=environment, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def start(log: str, *words: str | Path) -> subprocess.Popen:
    """In a process group of its own, so that it can be killed with all its children."""
    with open(here / log, "a") as file:
        process = subprocess.Popen(
            [*map(str, words)], cwd=here, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    started.append(process)
    return process


def kill(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def wait(what: str, done, seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come about in {seconds:.0f} s; see {here}")
        time.sleep(0.2)


def said(log: str) -> str:
    return (here / log).read_text(errors="replace") if (here / log).exists() else ""


def superlink() -> subprocess.Popen:
    words = ["--port", PORT, "--ssl-ca-certfile", "ca.pem", "--ssl-certfile", "server.pem", "--ssl-keyfile", "server.key"]
    before = said("superlink.log").count("startup complete")
    process = start("superlink.log", "flower-superlink", *words, "--enable-supernode-auth", "--database", "superlink.db")
    wait("the SuperLink", lambda: said("superlink.log").count("startup complete") > before)
    return process


def supernode(name: str, port: int, config: str) -> subprocess.Popen:
    words = ["--superlink", f"127.0.0.1:{PORT}", "--root-certificates", "ca.pem", "--auth-supernode-private-key", name]
    before = said(f"{name}.log").count("SuperNode ID")
    process = start(f"{name}.log", "flower-supernode", *words, "--port", str(port), "--node-config", config)
    wait(f"the SuperNode {name}", lambda: said(f"{name}.log").count("SuperNode ID") > before)
    return process


def lines() -> list[dict]:
    record = here / "app" / "federation" / "record.jsonl"
    return [json.loads(line) for line in record.read_text().splitlines()] if record.exists() else []


def rounds() -> list[int]:
    return [line["round"] for line in lines() if line["type"] == "round"]


def received(name: str) -> int:
    return said(f"{name}.log").count("Received successfully")


def main() -> None:
    run("openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    run("openssl", "req", "-newkey", "rsa:3072", "-nodes", "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (here / "san.txt").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san.txt", "-out", "server.pem"]
    run("openssl", "x509", "-req", "-in", "server.csr", *signed)
    (here / ".flwr").mkdir()
    connection = f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "127.0.0.1:{PORT}"\nroot-certificates = "{here}/ca.pem"\n'
    (here / ".flwr" / "config.toml").write_text(connection)
    other = bytearray(Path(model).read_bytes())
    other[len(other) // 2] ^= 1
    (here / "other.onnx").write_bytes(other)
    (here / "empty").mkdir()

    run(*thaw.split(), "federated", "init", here / "app", "--model", model, "--labels", labels)
    project = here / "app" / "pyproject.toml"
    text = project.read_text().split("[tool.flwr.app.config.stage-1]")[0]
    text = re.sub("^thaw = .*$", lambda _: f"thaw = {json.dumps(thaw)}", text, flags=re.M)
    text = re.sub("^server-data = .*$", lambda _: f"server-data = {json.dumps(measured)}", text, flags=re.M)
    # Without b, one client still contributes; a SuperNode may hang after its SuperLink was killed.
    text = re.sub("^timeout = .*$", "timeout = 240", text, flags=re.M)
    text = re.sub("^min-clients = .*$", "min-clients = 1", text, flags=re.M)
    project.write_text(text + '[tool.flwr.app.config.stage-1]\nrounds = 5\ntrain = "head"\nepochs = 1\nlr = 0.002\n')

    link = superlink()
    for name in "abcd":
        run("ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-f", name)
        run("flwr", "supernode", "register", f"{name}.pub", "here", "--name", name)
    nodes = {
        "a": supernode("a", 19001, f'data="{shares[0]}"'),
        "b": supernode("b", 19002, f'data="{shares[1]}"'),
        "c": supernode("c", 19003, f'data="{shares[0]}" model="{here}/other.onnx"'),
        "d": supernode("d", 19004, f'data="{here}/empty"'),
    }
    start("run.log", "flwr", "run", "app", "here", "--stream")
    wait("round 1", lambda: 1 in rounds())
    wait("b in round 2", lambda: received("b") >= 2)
    kill(nodes["b"])
    print("killed b in round 2", flush=True)
    wait("round 2", lambda: 2 in rounds())
    nodes["b"] = supernode("b", 19002, f'data="{shares[1]}"')
    seen = received("a")
    wait("a in the next round", lambda: received("a") > seen)
    done = rounds()
    kill(link)
    print(f"killed the SuperLink in round {len(done) + 1}", flush=True)
    link = superlink()
    again = start("again.log", "flwr", "run", "app", "here", "--stream")
    wait("the end", lambda: again.poll() is not None or "Next" in said("again.log"), 900)

    for line in lines():
        if line["type"] == "sitting":
            print(f"started with {line['rounds']} rounds")
            continue
        gave = [client["name"] for client in line["clients"] if "dropped" not in client]
        print(f"{line['type']} {line['round']}: {', '.join(sorted(gave))}")
        for client in line["clients"]:
            if "dropped" in client:
                print(f"  without {client['name']}: {client['dropped']}")
    assert rounds() == [1, 2, 3, 4, 5], rounds()
    assert rounds()[: len(done)] == done
    assert (here / "app" / "federation" / "run" / "report.html").exists(), said("again.log")[-2000:]
    print(f"all rounds are there once, and the report: {here}/app/federation/run/report.html")


try:
    main()
finally:
    for process in started:
        kill(process)
