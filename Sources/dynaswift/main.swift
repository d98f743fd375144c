// The binary: a node, and the commands beside it. Each verb has a file of its own.

import Platform

Machine.setDumpable(false)
Machine.closeNewFiles()
Signals.block()
let commandLine = CommandLineSecrets()
let words = commandLine.words

switch words.first {
case "help", "--help", "-h": Help.run()
case "version", "--version": Version.run()
case "serve": Serve.run(Array(words.dropFirst()), secrets: commandLine.secrets)
case "health": Health.run(Array(words.dropFirst()))
case "keys": Keys.run(Array(words.dropFirst()))
case "members": Members.run(Array(words.dropFirst()), secrets: commandLine.secrets)
case "snapshot": Snapshot.run(Array(words.dropFirst()))
default: Serve.run(words, secrets: commandLine.secrets)
}
