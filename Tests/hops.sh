#!/bin/bash
# How many functions a message passes from `Sender.send(_: Span)` to the call that carries it, in a debug build.
#
#   Tests/hops.sh [--frames] [PACKAGE]
#
# PACKAGE is the checkout to look at, this one if none is given. A small program that uses only its public API sends
# one message over each of the seven mechanisms under gdb, which stops at each system call that the send makes (for
# `memory`, which makes none: at the store that publishes the message) and walks up the stack to `send`. Of all the
# calls of one send, the deepest counts.
#
# A function counts when its source file is in the package's Sources and it is written in Swift, an inlined one too.
# Closures, the standard library and what the compiler makes (witnesses, partial applications, thunks) don't count,
# nor do the C functions of CSystem; `--frames` lists all of them, the innermost first.
#
# Needs gdb with Python, and permission to trace (ptrace). The build goes to a directory of its own in /tmp, which
# stays for the next run; HOPS_BUILD names another one.
set -euo pipefail

frames=0
if [ "${1:-}" = --frames ]; then frames=1; shift; fi
package=$(cd "${1:-$(dirname "$0")/..}" && pwd)
command -v gdb >/dev/null || { echo "hops.sh: gdb is missing: apt-get install gdb" >&2; exit 1; }
build=${HOPS_BUILD:-/tmp/swift-ipc-hops-$(id -u)-$(basename "$package")}
mkdir -p -m 700 "$build/Sources/hops"

cat >"$build/Package.swift" <<EOF
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "hops",
  dependencies: [.package(name: "checkout", path: "$package")],
  targets: [.executableTarget(name: "hops", dependencies: [.product(name: "IPC", package: "checkout")])]
)
EOF

cat >"$build/Sources/hops/main.swift" <<'EOF'
import IPC

@_silgen_name("hops_begin") @inline(never) func begin() {}
@_silgen_name("hops_end") @inline(never) func end() {}

var options = ChannelOptions()
options.wait = CommandLine.arguments[2] == "block" ? .block : .adaptive
var channel = try Channel.make(over: Mechanism(named: CommandLine.arguments[1]), options: options)
let message: [UInt8] = [1, 2, 3, 4, 5]
// The first one may set something up.
try channel.sender.send(message.span)
begin()
try channel.sender.send(message.span)
end()
EOF

cat >"$build/hops.py" <<'EOF'
import gdb, os, re

package = os.environ["HOPS_PACKAGE"] + "/Sources/"
best = None

def location(frame):
    sal = frame.find_sal()
    return (sal.symtab.fullname() if sal.symtab else "", sal.line)

def stack():
    """The frames from the innermost to `send` of our program's message; None where there is no such send."""
    found, frame = [], gdb.newest_frame()
    while frame is not None:
        symbol = gdb.execute("info symbol %d" % frame.pc(), to_string=True).split()
        name = frame.function().linkage_name if frame.function() and frame.function().linkage_name else None
        name = name or frame.name() or (symbol[0] if symbol else "?")
        file, line = location(frame)
        if file.endswith("/hops/main.swift"):
            return found
        found.append((name, file, line))
        frame = frame.older()
    return None

def consider():
    global best
    frames = stack()
    if frames is None:
        return
    if best is None or len(frames) > len(best):
        best = frames

gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set breakpoint pending on")
gdb.execute("set debuginfod enabled off")
gdb.execute("handle all nostop noprint pass")
gdb.execute("break hops_begin", to_string=True)
gdb.execute("run", to_string=True)
gdb.execute("break hops_end", to_string=True)
if os.environ["HOPS_MECHANISM"] == "memory":
    # The tail, as Framing.md has it: 128 bytes into the segment, which both ends have mapped.
    with open("/proc/%d/maps" % gdb.selected_inferior().pid) as maps:
        for line in maps:
            if "/SYSV" in line:
                gdb.execute("watch *(long *) %d" % (int(line.split("-")[0], 16) + 128), to_string=True)
else:
    for name in ["syscall", "write", "writev", "pwritev2", "msgsnd", "semop", "semtimedop", "send", "sendmsg"]:
        gdb.execute("break -qualified %s" % name, to_string=True)
while True:
    gdb.execute("continue", to_string=True)
    if gdb.selected_inferior().pid == 0:
        break
    frame = gdb.newest_frame()
    if "hops_end" in gdb.execute("info symbol %d" % frame.pc(), to_string=True):
        break
    consider()
with open(os.environ["HOPS_OUT"], "w") as out:
    for name, file, line in best or []:
        ours = file.startswith(package)
        print(name, file[len(package):] if ours else "-", line, file=out)
# The program ends by itself: killed, it would leave its queue or its semaphores behind.
gdb.execute("delete")
gdb.execute("continue", to_string=True)
gdb.execute("quit")
EOF

swift build --package-path "$build" -c debug >"$build/build.log" 2>&1 || { cat "$build/build.log" >&2; exit 1; }
program=$(swift build --package-path "$build" -c debug --show-bin-path)/hops

printf '%-12s %-10s %5s\n' mechanism wait functions
for mechanism in pipe fifo queue semaphore memory unix tcp; do
  for wait in adaptive block; do
    export HOPS_PACKAGE=$package HOPS_MECHANISM=$mechanism HOPS_OUT=$build/out
    rm -f "$build/out"
    if ! timeout 120 gdb -nx -q --batch -x "$build/hops.py" --args "$program" $mechanism $wait \
      >"$build/gdb.log" 2>&1 </dev/null || [ ! -s "$build/out" ]; then
      echo "hops.sh: no send was seen for $mechanism; gdb said:" >&2
      grep -v "During symbol reading" "$build/gdb.log" | tail -n 20 >&2
      exit 1
    fi
    swift demangle --compact <"$build/out" | awk -v frames=$frames -v mechanism=$mechanism -v wait=$wait '
      {
        line = $NF; file = $(NF - 1); name = $0
        sub(/ [^ ]+ [0-9]+$/, "", name)
        kind = "counted"
        if (name ~ /thunk|partial apply|protocol witness|merged/) kind = "compiler"
        else if (name ~ /^(static )?(\(extension in Swift\):)?Swift\./) kind = "library"
        else if (file !~ /\.swift$/) kind = "C"
        else if (name ~ /closure #/) kind = "closure"
        if (kind == "counted") count++
        list = list sprintf("    %-9s %s (%s:%s)\n", kind, name, file, line)
      }
      END {
        printf "%-12s %-10s %5d\n", mechanism, wait, count
        if (frames) printf "%s", list
      }'
  done
done
