import Glibc
import SystemCalls

// First of all: nothing may get their numbers.
Streams.openStandardDescriptors()
guard !CommandLine.arguments.isEmpty else {
  Terminal.error(
    "/proc isn't mounted, where Swift finds a program's arguments: mount it (mount -t proc proc /proc)")
  exit(Failure.Kind.work.rawValue)
}
exit(CommandLineTool.run(Array(CommandLine.arguments.dropFirst())))
