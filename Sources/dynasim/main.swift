// The simulator of a cluster, from the command line: `dynasim` alone lists its verbs.

import Bytes
import Platform
import Simulation

func say(_ text: String, to descriptor: Int32 = 1) {
  var bytes = ByteBuffer()
  bytes.append(text)
  bytes.append("\n")
  Machine.write(bytes.span, to: descriptor)
}

let start = SystemClock.monotonic()
let command = SwarmCommand(
  elapsed: { SystemClock.monotonic().milliseconds(since: start) }, print: { say($0) })
switch command.run(Machine.arguments) {
case true?: break
case false?: Machine.exit(.damagedData)
case nil:
  say(SwarmCommand.help, to: 2)
  Machine.exit(.cannotStart)
}
